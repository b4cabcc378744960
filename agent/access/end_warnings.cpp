#include "agent/access/end_warnings.hpp"

#include <algorithm>

namespace culvert::agent {
namespace {

constexpr Duration kLookAtEnds = std::chrono::minutes(10);

}  // namespace

// The sites that matter here: the agent's own site, or the sites whose services a laptop may use.
std::vector<trust::SiteId> EndWarnings::sites() const {
  if (basis_.is_site()) return {own_.node().site.id};
  std::vector<trust::SiteId> out;
  for (const auto& [id, right] : rights_) {
    const auto& site = right.live.grant.site.id;
    if (std::find(out.begin(), out.end(), site) == out.end()) out.push_back(site);
  }
  return out;
}

std::vector<trust::Expiry> EndWarnings::endings(Now now) const {
  auto out = trust::expiries(basis_.evidence.who(), sites());
  const auto& name = own_.node().name.str();
  if (basis_.is_site()) {
    if (const auto enrolment = own_.enrolment()) {
      out.push_back({trust::Ending::kRenewal, name, enrolment->not_before, enrolment->renew_until});
    }
  } else if (const auto* admitted = basis_.evidence.node(now, basis_.self())) {
    out.push_back({trust::Ending::kAdmission, name, admitted->issued, admitted->expires});
  }
  return out;
}

// A new text of a thing begins anew with its thresholds.
void EndWarnings::handle_timeout(Now now) {
  if (look_at_ > now.steady) return;
  look_at_ = now.steady + kLookAtEnds;
  for (const trust::Expiry& ends : endings(now)) {
    const auto key = std::pair(ends.what, ends.of);
    const auto due = trust::due_warning(ends, now.wall);
    if (!due) {
      logged_.erase(key);
      continue;
    }
    const auto before = logged_.find(key);
    if (before != logged_.end() && before->second == *due) continue;
    logged_[key] = *due;
    basis_.log(*due == 0 ? LogLevel::kError : LogLevel::kWarning, "ends soon",
               trust::describe(ends, now.wall));
    if (*due != 0 || ends.what != trust::Ending::kPolicy) continue;
    audit::Entry entry;
    entry.kind = audit::Kind::kAlarm;
    entry.detail = "the site's policy has expired";
    basis_.journal.ending(now, std::move(entry));
  }
}

std::vector<EndView> EndWarnings::view(Now now) const {
  auto ends = endings(now);
  std::stable_sort(ends.begin(), ends.end(),
                   [](const auto& a, const auto& b) { return a.when < b.when; });
  std::vector<EndView> out;
  for (const trust::Expiry& one : ends) {
    out.push_back({one.what, one.of, one.when, trust::due_warning(one, now.wall),
                   trust::describe(one, now.wall)});
  }
  return out;
}

}  // namespace culvert::agent

// `culvert audit --key`: the coordinator's copy of the audit log, newest first, a page at a time.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/api/show.hpp"
#include "agent/cli/format.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/output.hpp"
#include "agent/cli/screen.hpp"
#include "agent/cli/session.hpp"

namespace culvert::cli {
namespace {

constexpr std::string_view kReporter = " reporter=";

// A line as the coordinator hands it out: the entry, then the reporter's identity key (or the word
// coordinator), then the name of its verified statement. A line of another
// form is shown whole.
nlohmann::json entry_of(const std::string& line) {
  const auto at = line.rfind(kReporter);
  const auto entry = audit::parse_entry(std::string_view(line).substr(0, at));
  if (!entry || at == std::string::npos) return {{"detail", line}};
  auto out = api::show(*entry);
  const auto reporter = line.substr(at + kReporter.size());
  const auto space = reporter.find(' ');
  constexpr std::string_view kName = " name=";
  out["reporter"] = reporter.substr(0, space);
  if (space != std::string::npos && reporter.compare(space, kName.size(), kName) == 0) {
    out["reporter_name"] = reporter.substr(space + kName.size());
  }
  return out;
}

// A customer's key sees its own site alone, so that the site need not be named.
std::string own_site(Session& session) {
  const auto& key = session.key();
  if (key.root != trust::RootKind::kSite) return {};
  const auto* root = session.evidence().site_root(trust::to_site_id(key.pin));
  return root == nullptr ? std::string() : root->name.str();
}

}  // namespace

Status coordinator_audit(const Common& common, const ByKey& by, const AuditPage& wanted) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  const auto site = wanted.site.empty() ? own_site(**session) : wanted.site;
  const auto page = (*session)->audit(site, wanted.before, wanted.limit);
  if (!page) return fail_with(page.error());
  std::vector<nlohmann::json> entries;
  for (const auto& row : page->lines) entries.push_back(entry_of(row));
  // The coordinator's order is that of arrival: what an agent hands in late is older than its
  // place.
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.value("at", "") > b.value("at", "");
  });
  const bool cut = entries.size() > wanted.limit;
  if (cut) entries.resize(wanted.limit);
  if (common.json) {
    print(to_json({{"entries", entries}, {"before", cut ? 0 : page->next}, {"more", cut}}));
    return {};
  }
  print("as the coordinator says it, newest first:");
  for (const auto& line : audit_table(entries, terminal_columns())) print(line);
  if (cut) {
    hint_next("more entries: the same with a larger --limit");
  } else if (page->next != 0) {
    hint_next("older entries: the same with --before " + std::to_string(page->next));
  }
  return {};
}

}  // namespace culvert::cli

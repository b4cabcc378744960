// `culvert audit --key`: the coordinator's copy of the audit log, newest first, a page at a time.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/api/show.hpp"
#include "agent/cli/approvals/commands.hpp"
#include "agent/cli/people/by_key.hpp"
#include "agent/cli/people/session.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/show/screen.hpp"

namespace culvert::cli {
namespace {

constexpr std::string_view kReporter = " reporter=";

// The parts of a line from the coordinator: the entry, the reporter's identity key (or the word
// coordinator), and the name in the reporter's verified statement. A line of another form is shown
// whole.
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

// The site of a customer's key, which sees only this site, so that the command line need not name
// it.
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
  // The coordinator gives lines in the order of arrival. An agent may hand in a line late, so the
  // lines are sorted by time.
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

// What approvers do with their key: read and approve requests, end grants.
#include <nlohmann/json.hpp>

#include "agent/cli/options.hpp"
#include "agent/cli/output.hpp"
#include "agent/cli/session.hpp"
#include "agent/cli/statement.hpp"
#include "proto/trust/display.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::cli {
namespace {

struct Shown {
  note::Note note;
  trust::Grant grant;
  std::string state;  // as the coordinator says it
};

// The requests that the coordinator lists; malformed ones are left out.
Result<std::vector<Shown>> requests(Session& session) {
  auto entries = session.list(control::ListWhat::kRequests);
  if (!entries) return fail_with(entries.error());
  std::vector<Shown> out;
  for (const auto& entry : *entries) {
    auto note = note::parse(entry.note);
    if (!note) continue;
    auto grant = trust::Grant::parse(note->text);
    if (grant) out.push_back({std::move(*note), std::move(*grant), entry.state});
  }
  return out;
}

// Of the signed text: who approves by it signs what was listed, whatever the coordinator hands out
// under the same id meanwhile.
std::string text_hash(const note::Note& note) {
  return trust::format_hash(note::hash(note).view());
}

Result<Shown> find_request(Session& session, const std::string& grant) {
  auto all = requests(session);
  if (!all) return fail_with(all.error());
  for (auto& shown : *all) {
    if (shown.grant.id.str() == grant || text_hash(shown.note) == grant) return std::move(shown);
  }
  return fail(ErrorCode::kNotFound, "no request " + grant + "; culvert requests lists them");
}

}  // namespace

Status list_requests(const Common&, const ByKey& by) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  const auto all = requests(**session);
  if (!all) return fail_with(all.error());
  if (all->empty()) print("no requests");
  for (const auto& shown : *all) {
    const auto checked = (*session)->evidence().check_request(shown.note, (*session)->now());
    if (!checked) {
      // The text of what does not verify is not displayed: it could say anything.
      const auto begin = yellow("NOT VERIFIED") + " request " + shown.grant.id.str() + ": ";
      for (const auto& row : within(begin, printable(checked.error().message), terminal_columns()))
        print(row);
      continue;
    }
    show_says(shown.state, text_hash(shown.note));
    show_statement(shown.note.text);
  }
  return {};
}

Status approve(const ByKey& by, const std::string& grant) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if (auto ok = check_group((*session)->key(), {trust::Group::kApprovers}); !ok) return ok;
  auto shown = find_request(**session, grant);
  if (!shown) return fail_with(shown.error());
  if (auto checked = (*session)->evidence().check_request(shown->note, (*session)->now());
      !checked) {
    return fail(checked.error().code,
                "not approved, it does not verify: " + checked.error().message);
  }
  const auto& key = (*session)->key();
  if (key.person == shown->grant.requester) {
    return fail(ErrorCode::kDenied, "a requester cannot approve their own request");
  }
  print("approving, signed as shown:");
  show_statement(shown->note.text);
  auto approved = trust::add_signature(std::move(shown->note), {key.person.str(), key.key});
  if (!approved) return fail_with(approved.error());
  if (auto sent = (*session)->put(*approved); !sent) return fail_with(sent.error());
  print(green("approved") + " as " + key.person.str());
  return {};
}

Status end_grant(const ByKey& by, const std::string& grant, const std::string& reason, bool deny) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if (auto ok = check_group((*session)->key(), {trust::Group::kApprovers}); !ok) return ok;
  const auto shown = find_request(**session, grant);
  if (!shown) return fail_with(shown.error());
  const auto* vendor = (*session)->evidence().vendor_root();
  if (vendor == nullptr) return fail(ErrorCode::kUnverified, "no vendor root is known");
  const auto& key = (*session)->key();
  const auto revocation =
      trust::revoke_grant(shown->grant, (*session)->evidence().vendor_id(), reason,
                          (*session)->now().wall, {key.person.str(), key.key});
  if (!revocation) return fail_with(revocation.error());
  if (auto sent = (*session)->put(*revocation); !sent) return fail_with(sent.error());
  print((deny ? "denied " : "revoked ") + grant + " as " + key.person.str());
  return {};
}

}  // namespace culvert::cli

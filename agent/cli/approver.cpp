// What approvers do with their key: read and approve requests, end grants.
#include <nlohmann/json.hpp>

#include "agent/api/show.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/output.hpp"
#include "agent/cli/session.hpp"
#include "agent/cli/site_documents.hpp"
#include "agent/cli/statement.hpp"
#include "proto/runtime/disk/files.hpp"
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

Result<Shown> find_request(Session& session, const std::string& grant) {
  auto all = requests(session);
  if (!all) return fail_with(all.error());
  for (auto& shown : *all) {
    if (shown.grant.id.str() == grant || text_hash(shown.note) == grant) return std::move(shown);
  }
  return fail(ErrorCode::kNotFound, "no request " + grant + "; culvert requests lists them");
}

Result<trust::Grant> find_grant(Session& session, const std::string& grant) {
  auto shown = find_request(session, grant);
  if (!shown) return fail_with(shown.error());
  return std::move(shown->grant);
}

Result<trust::Grant> read_grant(const std::string& path, const std::string& wanted) {
  const auto bytes = runtime::read_file(path, note::kMaxNoteSize);
  if (!bytes) return fail_with(bytes.error());
  // A text without its signature lines will do: the approver's signature is what counts.
  const auto note = note::parse(text(*bytes));
  auto grant = trust::Grant::parse(note ? std::string_view(note->text) : text(*bytes));
  if (!grant) return fail(ErrorCode::kInvalid, path + ": " + grant.error().message);
  if (grant->id.str() != wanted) {
    return fail(ErrorCode::kInvalid, path + " holds the grant " + grant->id.str());
  }
  return grant;
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

Status end_grant(const ByKey& by, const std::string& grant, const std::string& reason, bool deny,
                 const EndGrant& also) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if (auto ok = check_group((*session)->key(), {trust::Group::kApprovers}); !ok) return ok;
  const auto found =
      also.note.empty() ? find_grant(**session, grant) : read_grant(also.note, grant);
  if (!found) return fail_with(found.error());
  const auto* vendor = (*session)->evidence().vendor_root();
  if (vendor == nullptr) return fail(ErrorCode::kUnverified, "no vendor root is known");
  const auto& key = (*session)->key();
  const auto revocation = trust::revoke_grant(*found, (*session)->evidence().vendor_id(), reason,
                                              (*session)->now().wall, {key.person.str(), key.key});
  if (!revocation) return fail_with(revocation.error());
  if (!also.out.empty()) {
    const auto written = runtime::write_file_atomic(also.out, view(note::render(*revocation)));
    if (!written) return written;
    print("written to " + also.out);
  }
  if (!also.lease.empty()) {
    if (auto put = put_to_lease_server(also.lease, *revocation); !put) return put;
    print("put to the lease server at " + also.lease);
  }
  const bool elsewhere = !also.lease.empty() || !also.out.empty();
  if (auto sent = (*session)->put(*revocation); !sent) {
    if (!elsewhere) return fail_with(sent.error());
    hint("culvert: the coordinator did not take it: " + printable(sent.error().message));
  }
  print((deny ? "denied " : "revoked ") + grant + " as " + key.person.str());
  return {};
}

}  // namespace culvert::cli

// The commands of approvers: read and approve requests, end grants. A request comes from the
// coordinator's list; each command verifies the request, and the signed note goes back to the
// coordinator.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "agent/cli/approvals/commands.hpp"
#include "agent/cli/people/by_key.hpp"
#include "agent/cli/people/root_folder.hpp"
#include "agent/cli/people/session.hpp"
#include "agent/cli/people/statement.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/site/commands.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/trust/statements/display.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {
namespace {

struct Shown {
  note::Note note;
  trust::Grant grant;
  std::string state;  // in the coordinator's words
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
  // The text alone is enough, since the revocation bears the approver's own signature.
  const auto note = note::parse(text(*bytes));
  auto grant = trust::Grant::parse(note ? std::string_view(note->text) : text(*bytes));
  if (!grant) return fail(ErrorCode::kInvalid, path + ": " + grant.error().message);
  if (grant->id.str() != wanted) {
    return fail(ErrorCode::kInvalid, path + " holds the grant " + grant->id.str());
  }
  return grant;
}

// A row for programs. It contains the text only if the text verifies.
nlohmann::json row_of(const Shown& shown, const Status& checked) {
  nlohmann::json row = {
      {"grant", shown.grant.id.str()}, {"state", shown.state}, {"verified", checked.has_value()}};
  if (!checked) {
    row["why"] = checked.error().message;
    return row;
  }
  row["hash"] = text_hash(shown.note);
  row["requester"] = shown.grant.requester.str();
  row["service"] = shown.grant.service.str();
  row["site"] = shown.grant.site.name.str();
  row["reason"] = shown.grant.reason;
  row["seconds"] = shown.grant.duration.count();
  row["claim_by"] = format_time(shown.grant.claim_by);
  row["text"] = shown.note.text;
  return row;
}

}  // namespace

Status list_requests(const Common& common, const ByKey& by) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  const auto all = requests(**session);
  if (!all) return fail_with(all.error());
  auto rows = nlohmann::json::array();
  if (all->empty() && !common.json) print("no requests");
  for (const auto& shown : *all) {
    const auto checked = (*session)->evidence().check_request((*session)->now(), shown.note);
    if (common.json) {
      rows.push_back(row_of(shown, checked));
      continue;
    }
    if (!checked) {
      // The text of a request that does not verify is not displayed, since it could say anything.
      const auto begin = yellow("NOT VERIFIED") + " request " + shown.grant.id.str() + ": ";
      for (const auto& row : within(begin, printable(checked.error().message), terminal_columns()))
        print(row);
      continue;
    }
    show_says(shown.state, text_hash(shown.note));
    show_statement(shown.note.text);
  }
  if (common.json) print_json({{"requests", std::move(rows)}});
  return {};
}

Status approve(const Common& common, const ByKey& by, const std::string& grant) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if (auto ok = check_group((*session)->key(), {trust::Group::kApprovers}); !ok) return ok;
  auto shown = find_request(**session, grant);
  if (!shown) return fail_with(shown.error());
  if (auto checked = (*session)->evidence().check_request((*session)->now(), shown->note);
      !checked) {
    return fail(checked.error().code,
                "not approved, it does not verify: " + checked.error().message);
  }
  const auto& key = (*session)->key();
  if (key.person == shown->grant.requester) {
    return fail(ErrorCode::kDenied, "a requester cannot approve their own request");
  }
  const auto hash = text_hash(shown->note);
  if (!common.json) {
    print("approving, signed as shown:");
    show_statement(shown->note.text);
  }
  auto approved = trust::add_signature(std::move(shown->note), {key.person.str(), key.key});
  if (!approved) return fail_with(approved.error());
  if (auto sent = (*session)->put(*approved); !sent) return fail_with(sent.error());
  if (common.json) {
    print_json({{"approved", shown->grant.id.str()},
                {"hash", hash},
                {"by", key.person.str()},
                {"text", approved->text}});
    return {};
  }
  print(green("approved") + " as " + key.person.str());
  return {};
}

namespace {

// Where a revocation has gone: to the coordinator, to a file, to a lease server.
struct Carried {
  bool coordinator = false;
  std::string refused;  // why the coordinator does not have it
};

// Keeps a revocation that the coordinator lacks beside the key, so that `culvert site status`
// reports it. If the folder is a vendor's and does not know the site, only the file has the
// revocation.
void keep_beside(const std::string& key_file, Session& session, const note::Note& revocation) {
  const auto folder = std::filesystem::absolute(key_file).parent_path();
  auto held = RootFolder::open(folder, session.key().root, &session.key(), session.now());
  if (held) (void)held->take(session.now(), revocation);
}

// Carries a revocation to a file and to the customer's lease server first, since both work without
// the vendor. Then hands it to the coordinator.
Result<Carried> carry(const Common& common, Session& session, const ByKey& by,
                      const EndGrant& ending, const note::Note& revocation) {
  if (!ending.out.empty()) {
    const auto written = runtime::write_file_atomic(ending.out, view(note::render(revocation)));
    if (!written) return fail_with(written.error());
    if (!common.json) print("written to " + ending.out);
  }
  if (!ending.lease.empty()) {
    if (auto put = put_to_lease_server(ending.lease, revocation); !put) {
      return fail_with(put.error());
    }
    if (!common.json) print("put to the lease server at " + ending.lease);
  }
  Carried out;
  const auto sent = session.put(revocation);
  out.coordinator = sent.has_value();
  if (sent) return out;
  out.refused = sent.error().message;
  keep_beside(by.key_file, session, revocation);
  if (!ending.lease.empty() || !ending.out.empty()) return out;
  return fail_with(sent.error());
}

// An error that says so, if the coordinator has a verified revocation of the grant already.
std::optional<Error> revoked_already(Session& session, const std::string& grant) {
  const auto listed = session.list(control::ListWhat::kStates);
  if (!listed) return std::nullopt;
  for (const auto& entry : *listed) {
    const auto note = note::parse(entry.note);
    const auto ended = note ? trust::Revocation::parse(note->text) : fail_with(note.error());
    if (!ended || ended->what != trust::Revokes::kGrant || ended->grant.str() != grant) continue;
    if (!session.evidence().offer(session.now(), *note)) continue;
    return Error{ErrorCode::kConflict, "the grant " + grant + " is already revoked (" +
                                           ended->reason + ", " + format_time(ended->issued) +
                                           "): nothing more has to be done"};
  }
  return std::nullopt;
}

// The grant to end. If the coordinator does not list the grant, the options must name a file with
// the grant's text and another place for the revocation.
Result<trust::Grant> grant_to_end(Session& session, const ByKey& by, const EndGrant& ending) {
  if (!ending.note.empty()) return read_grant(ending.note, ending.grant);
  auto found = find_grant(session, ending.grant);
  if (!found && found.error().code == ErrorCode::kNotFound) {
    if (const auto already = revoked_already(session, ending.grant)) return fail_with(*already);
  }
  if (found || (found.error().code != ErrorCode::kTimeout &&
                found.error().code != ErrorCode::kUnavailable)) {
    return found;
  }
  return fail(found.error().code,
              "nothing was revoked: " + found.error().message +
                  "; next, without the coordinator: name the grant's text and a file for a folder "
                  "of documents, culvert revoke " +
                  ending.grant + " --key " + by.key_file +
                  " --note FILE --out FILE.note; on the site's agent, culvert --json requests "
                  "shows the text as note (docs/operations/freshness.md)");
}

}  // namespace

Status end_grant(const Common& common, const ByKey& by, const EndGrant& ending) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if (auto ok = check_group((*session)->key(), {trust::Group::kApprovers}); !ok) return ok;
  const auto found = grant_to_end(**session, by, ending);
  if (!found) return fail_with(found.error());
  const auto* vendor = (*session)->evidence().vendor_root();
  if (vendor == nullptr) return fail(ErrorCode::kUnverified, "no vendor root is known");
  const auto& key = (*session)->key();
  const auto revocation =
      trust::revoke_grant(*found, (*session)->evidence().vendor_id(), ending.reason,
                          (*session)->now().wall, {key.person.str(), key.key});
  if (!revocation) return fail_with(revocation.error());
  const auto carried = carry(common, **session, by, ending, *revocation);
  if (!carried) return fail_with(carried.error());
  if (common.json) {
    print_json({{ending.deny ? "denied" : "revoked", ending.grant},
                {"by", key.person.str()},
                {"coordinator", carried->coordinator},
                {"refused", carried->refused},
                {"file", ending.out},
                {"note", note::render(*revocation)}});
    return {};
  }
  print((ending.deny ? "denied " : "revoked ") + ending.grant + " as " + key.person.str());
  if (carried->coordinator) return {};
  hint_within("culvert: the coordinator does not have it: ", printable(carried->refused));
  hint_next(ending.out.empty()
                ? "the same command again once the coordinator answers; until then only the "
                  "agents that ask the lease server know it"
                : "culvert publish " + ending.out + " --key " + by.key_file +
                      " once the coordinator answers; until then put the file into the agents' "
                      "folders of documents");
  return {};
}

}  // namespace culvert::cli

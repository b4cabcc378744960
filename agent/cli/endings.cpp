// The end of a node, of a token or of one's own key. Each is a statement in a file, which also
// works as a document of an agent (`culvert up --documents`).
#include <nlohmann/json.hpp>

#include "agent/cli/format.hpp"
#include "agent/cli/output.hpp"
#include "agent/cli/session.hpp"
#include "agent/cli/signing.hpp"
#include "agent/cli/statement.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/trust/sign.hpp"
#include "proto/trust/token.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;
using trust::Group;
using trust::Revokes;

fs::path file_of(const Ending& ending, const std::string& name) {
  return ending.file.empty() ? folder_of(ending) / (name + ".note") : fs::path(ending.file);
}

Result<Desk> open_site(const Ending& ending) {
  if (ending.key.empty()) return fail(ErrorCode::kInvalid, "name the key that signs: --key FILE");
  return open_desk(ending, trust::RootKind::kSite);
}

Status sign_and_report(const Common& common, Desk& desk, const Ending& ending, const fs::path& file,
                       note::Note draft) {
  if (!common.json) show_statement(draft.text);
  const auto done = sign_draft(desk, ending, file, std::move(draft));
  if (!done) return fail_with(done.error());
  report(common, file, *done);
  return {};
}

// The identity that a name has at the site, as the coordinator's notes prove it.
Result<trust::IdentityKey> identity_of(const Desk& desk, const Ending& ending) {
  if (const auto key = crypto::parse_ed25519(ending.subject)) return *key;
  const auto name = trust::Label::parse(ending.subject);
  if (!name) {
    return fail(ErrorCode::kInvalid, "name the node, or its identity ed25519:…, not " +
                                         (ending.subject.empty() ? "nothing" : ending.subject));
  }
  if (!ending.publish && ending.coordinator.empty()) {
    return fail(ErrorCode::kInvalid,
                "which identity has the name " + name->str() +
                    " is known to the coordinator; next: add --publish, or name the identity, "
                    "ed25519:… (culvert status shows it on the node)");
  }
  auto session = Session::open({ending.key, ending.coordinator});
  if (!session) return fail_with(session.error());
  const auto listed = (*session)->list(control::ListWhat::kNodes);
  if (!listed) return fail_with(listed.error());
  const auto holder = (*session)->evidence().holder(desk.folder.site().id, *name);
  if (holder) return *holder;
  return fail(ErrorCode::kNotFound, "no node of the site has the name " + name->str());
}

// A draft that is there already gets one more signature, whatever the command says besides, as long
// as it ends the same node.
Result<note::Note> held_draft(const fs::path& file, Revokes what,
                              const std::optional<trust::IdentityKey>& identity) {
  auto draft = read_draft(file);
  if (!draft) return fail_with(draft.error());
  const auto revocation = trust::Revocation::parse(draft->text);
  if (!revocation || revocation->what != what) {
    return fail(ErrorCode::kConflict,
                file.string() + " is there and is no such revocation; choose another --file");
  }
  if (identity && revocation->identity() != *identity) {
    return fail(ErrorCode::kConflict, file.string() + " ends another node, " +
                                          crypto::format_ed25519(revocation->identity()) +
                                          "; choose another --file");
  }
  return draft;
}

}  // namespace

Status revoke_node(const Common& common, const Ending& ending) {
  auto desk = open_site(ending);
  if (!desk) return fail_with(desk.error());
  std::optional<trust::IdentityKey> identity;
  if (!ending.subject.empty() || ending.file.empty()) {
    const auto found = identity_of(*desk, ending);
    if (!found) return fail_with(found.error());
    identity = *found;
  }
  const auto name = identity ? to_hex(identity->view()).substr(0, 8) : std::string("node");
  const auto file = file_of(ending, "revoke-node-" + name);
  if (fs::exists(file)) {
    auto draft = held_draft(file, Revokes::kNode, identity);
    if (!draft) return fail_with(draft.error());
    return sign_and_report(common, *desk, ending, file, std::move(*draft));
  }
  if (!identity)
    return fail(ErrorCode::kNotFound, "no " + file.string() + "; name the node as well");
  const auto made = trust::revoke_identity(Revokes::kNode, *identity, desk->folder.vendor_id(),
                                           desk->folder.site(), ending.reason, desk->now.wall,
                                           {desk->key->person.str(), desk->key->key});
  if (!made) return fail_with(made.error());
  return sign_and_report(common, *desk, ending, file, {made->text, {}});
}

namespace {

// The enrolment that a token carries.
Result<crypto::Hash> enrolment_of(const std::string& subject) {
  if (const auto hash = trust::parse_hash(subject)) return *hash;
  auto bytes = runtime::read_file(subject);
  if (!bytes) {
    return fail(bytes.error().code, "name the enrolment's hash, sha256:…, or the token's file: " +
                                        bytes.error().message);
  }
  std::vector<note::Note> notes;
  if (text(*bytes).starts_with(trust::Token::kType)) {
    auto token = trust::Token::parse(text(*bytes));
    crypto::wipe(*bytes);
    if (!token) return fail_with(token.error());
    if (token->kind == trust::NodeKind::kDevice) {
      return fail(ErrorCode::kInvalid, subject +
                                           " is a laptop's token and enrols nothing by itself; "
                                           "next: culvert device revoke ends a laptop");
    }
    notes = std::move(token->notes);
  } else if (auto bundle = note::parse_bundle(text(*bytes))) {
    notes = std::move(*bundle);
  }
  for (const auto& note : notes) {
    if (trust::kind_of(note.text) == trust::Kind::kEnrolment) return note::hash(note);
  }
  return fail(ErrorCode::kInvalid, subject + " is no token and holds no enrolment");
}

}  // namespace

Status revoke_token(const Common& common, const Ending& ending) {
  auto desk = open_site(ending);
  if (!desk) return fail_with(desk.error());
  const auto hash = enrolment_of(ending.subject);
  if (!hash) return fail_with(hash.error());
  const auto file = file_of(ending, "revoke-token-" + to_hex(hash->view()).substr(0, 8));
  const auto made =
      trust::revoke_enrolment(*hash, desk->folder.vendor_id(), desk->folder.site(), ending.reason,
                              desk->now.wall, {desk->key->person.str(), desk->key->key});
  if (!made) return fail_with(made.error());
  return sign_and_report(common, *desk, ending, file, {made->text, {}});
}

namespace {

// The chains whose next root nobody could sign any longer: a suspended root key counts only beside
// an unsuspended one of the group.
std::vector<std::string> frozen_chains(const Desk& desk) {
  std::vector<std::string> out;
  const auto key = desk.key->key.public_key();
  const auto look = [&](const trust::Root* root) {
    if (root == nullptr || root->find(key, Group::kRoot) == nullptr) return;
    for (const auto& other : root->keys) {
      const bool counts =
          other.group == Group::kRoot && other.key != key && !desk.folder.suspended(other.key);
      if (counts) return;
    }
    out.push_back("the root of " + root->name.str());
  };
  look(&desk.folder.root());
  if (desk.folder.kind() == trust::RootKind::kSite) look(desk.folder.evidence().vendor_root());
  return out;
}

std::vector<crypto::Hash> newest_roots(const Desk& desk) {
  std::vector<crypto::Hash> out{desk.folder.root_hash()};
  if (desk.folder.kind() != trust::RootKind::kSite) return out;
  const auto vendor = desk.folder.evidence().documents(desk.folder.site().id).vendor_root;
  if (vendor.number != 0) out.push_back(vendor.hash);
  return out;
}

void report_suspension(const Common& common, const Desk& desk, const fs::path& file, bool policy,
                       bool published) {
  const bool lost =
      policy && desk.folder.kind() == trust::RootKind::kSite && !desk.folder.policy_vouched();
  const auto frozen = frozen_chains(desk);
  if (common.json) {
    print_json({{"file", file.string()},
                {"key", crypto::format_ed25519(desk.key->key.public_key())},
                {"person", desk.key->person.str()},
                {"policy_ended", lost},
                {"frozen", frozen},
                {"published", published}});
    return;
  }
  print(green("suspended") + ": the key of " + desk.key->person.str() + " never counts again");
  if (lost) {
    print(yellow("ends: ") + "the policy, until others sign the next one: culvert policy renew");
  }
  for (const auto& chain : frozen) print(yellow("frozen: ") + chain);
  hint_next(
      std::string(published ? "" : "culvert publish " + file.string() + " --key FILE; then: ") +
      "root remove-key, signed by the others");
}

}  // namespace

Status suspend_own_key(const Common& common, const Ending& ending) {
  if (ending.key.empty()) return fail(ErrorCode::kInvalid, "name the key: --key FILE");
  auto desk = open_desk(ending, std::nullopt);
  if (!desk) return fail_with(desk.error());
  const auto& key = *desk->key;
  const auto frozen = frozen_chains(*desk);
  if (!frozen.empty() && !ending.freeze) {
    return fail(ErrorCode::kDenied,
                "nobody but this key's holder can sign the next epoch of " + frozen.front() +
                    ": after the suspension it could never change again; nothing was signed; next: "
                    "root add-key --group root for another person first, or --freeze");
  }
  const auto note = trust::suspend_key(newest_roots(*desk), desk->folder.vendor_id(), ending.reason,
                                       desk->now.wall, {key.person.str(), key.key});
  if (!note) return fail_with(note.error());
  const auto name = to_hex(key.key.public_key().view()).substr(0, 8);
  const auto file = file_of(ending, "suspend-" + name);
  if (auto written = write_draft(file, *note); !written) return written;
  const bool policy =
      desk->folder.kind() == trust::RootKind::kSite && desk->folder.policy_vouched();
  if (auto taken = desk->folder.take(*note, desk->now); !taken) return taken;
  const bool publish = ending.publish || !ending.coordinator.empty();
  if (publish) {
    if (auto sent = hand_in(ending, file, *note); !sent) return sent;
  }
  report_suspension(common, *desk, file, policy, publish);
  return {};
}

}  // namespace culvert::cli

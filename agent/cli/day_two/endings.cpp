// Ends a node, a token or the person's own key. Each end is a statement in a file. Agents take the
// file as one of their documents, too (`culvert up --documents`).
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/cli/day_two/signing.hpp"
#include "agent/cli/people/session.hpp"
#include "agent/cli/people/statement.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/trust/statements/enrolled.hpp"
#include "proto/trust/statements/sign.hpp"
#include "proto/trust/statements/token.hpp"

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

bool asks_coordinator(const Ending& ending) {
  return ending.publish || !ending.coordinator.empty();
}

// `named`, if the coordinator lists it at the site or is not asked.
Result<trust::IdentityKey> known_identity(const Ending& ending, const trust::IdentityKey& key) {
  if (!asks_coordinator(ending) || ending.unknown) return key;
  auto session = Session::open({ending.key, ending.coordinator});
  if (!session) return fail_with(session.error());
  if (const auto listed = (*session)->list(control::ListWhat::kNodes); !listed) {
    return fail_with(listed.error());
  }
  std::string names;
  for (const auto& note : (*session)->evidence().notes()) {
    const auto enrolled = trust::Enrolled::parse(note.text);
    if (!enrolled) continue;
    if (enrolled->identity == key) return key;
    names += (names.empty() ? "" : ", ") + enrolled->name.str() + " (" +
             crypto::format_ed25519(enrolled->identity) + ")";
  }
  return fail(ErrorCode::kNotFound,
              "no node of the site has the identity " + crypto::format_ed25519(key) +
                  ": nothing was revoked; the coordinator lists " +
                  (names.empty() ? "none" : names) +
                  "; next: correct the identity, or add --unknown, which revokes it all the same");
}

// The identity of a node by its name, as the coordinator's notes prove it.
Result<trust::IdentityKey> identity_of(const Desk& desk, const Ending& ending) {
  if (const auto key = crypto::parse_ed25519(ending.subject)) return known_identity(ending, *key);
  const auto name = trust::Label::parse(ending.subject);
  if (!name) {
    return fail(ErrorCode::kInvalid, "name the node, or its identity ed25519:…, not " +
                                         (ending.subject.empty() ? "nothing" : ending.subject));
  }
  if (!asks_coordinator(ending)) {
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

// The draft in `file`, which gets one more signature. It must end the same subject; reason and
// other options of the command line have no effect on it.
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

// The hash of the enrolment in a token.
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

// The enrolments in the folder, and with --publish those in the coordinator's list.
Result<std::vector<note::Note>> known_enrolments(const Desk& desk, const Ending& ending) {
  std::vector<note::Note> out;
  const auto remembered = desk.folder.path() / kEnrolmentsBundle;
  if (fs::exists(remembered)) {
    auto notes = read_bundle(remembered);
    if (!notes) return notes;
    out = std::move(*notes);
  }
  if (!asks_coordinator(ending)) return out;
  auto session = Session::open({ending.key, ending.coordinator});
  if (!session) return fail_with(session.error());
  if (const auto listed = (*session)->list(control::ListWhat::kNodes); !listed) {
    return fail_with(listed.error());
  }
  for (auto& note : (*session)->evidence().notes()) {
    if (trust::kind_of(note.text) == trust::Kind::kEnrolment) out.push_back(std::move(note));
  }
  return out;
}

// kNotFound: no known enrolment has this hash, which may be mistyped. A revocation of a mistyped
// hash would look like a success.
Status check_enrolment(const Desk& desk, const Ending& ending, const crypto::Hash& wanted) {
  if (ending.unknown || !trust::parse_hash(ending.subject)) return {};
  const auto known = known_enrolments(desk, ending);
  if (!known) return fail_with(known.error());
  std::map<std::string, std::string> names;  // by hash
  for (const auto& note : *known) {
    if (note::hash(note) == wanted) return {};
    const auto enrolment = trust::Enrolment::parse(note.text);
    if (enrolment) names[text_hash(note)] = enrolment->name.str();
  }
  std::string all;
  for (const auto& [hash, name] : names) {
    all += (all.empty() ? "" : ", ") + hash + " (" + name + ")";
  }
  const bool asked = asks_coordinator(ending);
  return fail(ErrorCode::kNotFound, "no token of the site has the enrolment " + ending.subject +
                                        ": nothing was revoked; " +
                                        (desk.folder.path() / kEnrolmentsBundle).string() +
                                        (asked ? " and the coordinator list " : " lists ") +
                                        (all.empty() ? "none" : all) +
                                        "; next: correct the hash, or name the token's file" +
                                        (asked ? "" : ", or ask the coordinator with --publish") +
                                        ", or add --unknown, which revokes it all the same");
}

}  // namespace

Status revoke_token(const Common& common, const Ending& ending) {
  auto desk = open_site(ending);
  if (!desk) return fail_with(desk.error());
  const auto hash = enrolment_of(ending.subject);
  if (!hash) return fail_with(hash.error());
  if (auto known = check_enrolment(*desk, ending, *hash); !known) return known;
  const auto file = file_of(ending, "revoke-token-" + to_hex(hash->view()).substr(0, 8));
  const auto made =
      trust::revoke_enrolment(*hash, desk->folder.vendor_id(), desk->folder.site(), ending.reason,
                              desk->now.wall, {desk->key->person.str(), desk->key->key});
  if (!made) return fail_with(made.error());
  return sign_and_report(common, *desk, ending, file, {made->text, {}});
}

namespace {

// The chains whose next root nobody could sign after the suspension. A suspended root key counts
// only together with an unsuspended root key.
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

// The approvers who can still sign without this key, and how many the chain needs.
struct Approvers {
  std::set<std::string> left;
  std::size_t needed = 1;
  bool listed = false;  // the suspended key is an approver's

  bool too_few() const { return listed && left.size() < needed; }
};

Approvers approvers_without(const Desk& desk) {
  Approvers out;
  const auto key = desk.key->key.public_key();
  const auto& root = desk.folder.root();
  out.listed = root.find(key, Group::kApprovers) != nullptr;
  for (const auto& other : root.keys) {
    if (other.group != Group::kApprovers || other.key == key) continue;
    if (!desk.folder.suspended(other.key)) out.left.insert(other.person.str());
  }
  if (desk.folder.kind() != trust::RootKind::kSite) return out;
  out.needed = std::max<std::size_t>(out.needed, root.approver_threshold);
  if (!desk.folder.policy()) return out;
  for (const auto& line : desk.folder.policy()->allows) {
    out.needed = std::max<std::size_t>(out.needed, line.customer);
  }
  return out;
}

std::string words_of(const Approvers& approvers) {
  std::string names;
  for (const auto& name : approvers.left) names += (names.empty() ? "" : ", ") + name;
  return (names.empty() ? "no approver is left" : "approvers left: " + names) + ", and " +
         (approvers.needed == 1 ? "1 is" : "up to " + std::to_string(approvers.needed) + " are") +
         " needed";
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
  const auto approvers = approvers_without(desk);
  if (common.json) {
    print_json({{"file", file.string()},
                {"key", crypto::format_ed25519(desk.key->key.public_key())},
                {"person", desk.key->person.str()},
                {"policy_ended", lost},
                {"frozen", frozen},
                {"approvers_left", approvers.left},
                {"too_few_approvers", approvers.too_few()},
                {"published", published}});
    return;
  }
  print(green("suspended") + ": the key of " + desk.key->person.str() + " never counts again");
  if (lost) {
    print(yellow("ends: ") + "the policy, until others sign the next one: culvert policy renew");
  }
  if (approvers.too_few()) print(yellow("ends: ") + "new access; " + words_of(approvers));
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
  const auto approvers = approvers_without(*desk);
  if (approvers.too_few() && !ending.cut) {
    return fail(ErrorCode::kDenied,
                "after the suspension too few could approve: " + words_of(approvers) +
                    "; nothing was signed; next: root add-key --group approvers for another "
                    "person first, or --cut, which ends new access until then");
  }
  const auto note = trust::suspend_key(newest_roots(*desk), desk->folder.vendor_id(), ending.reason,
                                       desk->now.wall, {key.person.str(), key.key});
  if (!note) return fail_with(note.error());
  const auto name = to_hex(key.key.public_key().view()).substr(0, 8);
  const auto file = file_of(ending, "suspend-" + name);
  if (auto written = write_draft(file, *note); !written) return written;
  const bool policy =
      desk->folder.kind() == trust::RootKind::kSite && desk->folder.policy_vouched();
  if (auto taken = desk->folder.take(desk->now, *note); !taken) return taken;
  const bool publish = ending.publish || !ending.coordinator.empty();
  if (publish) {
    if (auto sent = hand_in(ending, file, *note); !sent) return sent;
  }
  report_suspension(common, *desk, file, policy, publish);
  return {};
}

}  // namespace culvert::cli

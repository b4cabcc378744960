// The vendor's side of the ceremony: the root, the coordinator's keys, the directory, tokens for
// laptops.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "agent/cli/people/draft.hpp"
#include "agent/cli/people/keyfile.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/site/commands.hpp"
#include "proto/control/coordinator_pub.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/trust/statements/sign.hpp"
#include "proto/trust/statements/step.hpp"
#include "proto/trust/statements/token.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;
using trust::Group;

constexpr std::chrono::seconds kRootLife{365 * 24 * 3600};

struct Role {
  Group group;
  const char* file;
};
constexpr Role kRoles[] = {{Group::kRoot, "root.key"},
                           {Group::kApprovers, "approver.key"},
                           {Group::kDeviceAdmission, "admission.key"},
                           {Group::kDirectory, "directory.key"}};

// The last root of a bundle whose first root is the pinned one, and the last root's hash.
struct Current {
  std::vector<note::Note> notes;
  trust::Root root;
  crypto::Hash hash;  // of the root
  std::optional<trust::Places> places;
};
Result<Current> current_vendor_root(const fs::path& folder, const crypto::Hash& pin, Now now) {
  auto notes = read_bundle(folder / kVendorBundle);
  if (!notes) return fail_with(notes.error());
  trust::Evidence evidence(trust::Pins{std::nullopt, pin}, {});
  for (const auto& result : evidence.offer_all(now, *notes)) {
    if (!result) return fail_with(result.error());
  }
  Current out{std::move(*notes), *evidence.vendor_root(), {}, {}};
  for (const auto& note : evidence.chain_notes()) {
    if (trust::kind_of(note.text) == trust::Kind::kRoot) out.hash = note::hash(note);
  }
  if (const auto* places = evidence.places()) out.places = *places;
  return out;
}

// The next list of addresses, with the coordinator in `pub`.
Result<note::Note> sign_places(const Current& current, const control::CoordinatorPub& pub,
                               const KeyFile& directory, WallTime now) {
  trust::Places next;
  next.vendor_id = trust::to_vendor_id(directory.pin);
  next.serial = current.places ? current.places->serial + 1 : 1;
  next.issued = now;
  next.expires = now + kRootLife;
  for (const auto& url : pub.urls) next.coordinators.push_back({url, pub.control});
  if (current.places) next.relays = current.places->relays;
  return trust::sign_statement(next, {directory.person.str(), directory.key});
}

// The root's next epoch with one signature. Its lease and ticket keys are those of this coordinator
// alone.
Result<note::Note> sign_next_root(const Current& current, const control::CoordinatorPub& pub,
                                  const KeyFile& key, WallTime now) {
  auto next = trust::next_epoch(current.root, current.hash);
  next.issued = now;
  next.expires = now + kRootLife;
  const auto machine = [&](const char* user) {
    return trust::Person::parse(std::string(user) + "@" + next.name.str());
  };
  const auto lease = machine("lease");
  const auto ticket = machine("ticket");
  if (!lease || !ticket) return fail(ErrorCode::kInvalid, "the vendor's name is too long");
  std::erase_if(next.keys, [](const trust::RootKey& k) {
    return k.group == Group::kLease || k.group == Group::kTicket;
  });
  next.keys.push_back({Group::kLease, *lease, pub.lease});
  next.keys.push_back({Group::kTicket, *ticket, pub.ticket});
  std::sort(next.keys.begin(), next.keys.end());
  return trust::sign_statement(next, {key.person.str(), key.key});
}

// If more persons must sign the root, writes the next epoch as a draft. Once the draft is signed, a
// second `culvert vendor collect` finds the coordinator's keys in the root and writes the list of
// addresses.
Status wait_for_others(const Common& common, const fs::path& folder, const Current& current,
                       const note::Note& draft, const std::string& pub) {
  const auto file = folder / "root.draft";
  if (fs::exists(file)) {
    const auto held = read_draft(file);
    if (!held) return fail_with(held.error());
    if (held->text != current.root.render()) {
      return fail(ErrorCode::kConflict, file.string() +
                                            " is a draft already; next: culvert vendor root sign " +
                                            file.string() + " --key FILE, or move it away");
    }
  }
  if (auto written = write_draft(file, draft); !written) return written;
  if (common.json) {
    print_json({{"complete", false}, {"file", file.string()}});
    return {};
  }
  print(file.string() +
        " is the next epoch, signed by one; the others sign it with culvert vendor " + "root sign");
  hint_next("when it is complete: culvert vendor collect --dir " + folder.string() + " " + pub);
  return {};
}

// True: the root lists the coordinator's keys, and no other keys of their groups.
bool lists_exactly(const trust::Root& root, const control::CoordinatorPub& pub) {
  const auto only = [&](Group group, const crypto::VerifyKey& key) {
    const auto keys = root.known_keys(group);
    return keys.size() == 1 && keys.front().key == crypto::PublicKey(key);
  };
  return only(Group::kLease, pub.lease) && only(Group::kTicket, pub.ticket);
}

// Puts the list of addresses into the bundle in place of the previous list.
Status write_places(const fs::path& folder, Current current, const note::Note& places) {
  std::erase_if(current.notes, [](const note::Note& note) {
    return trust::kind_of(note.text) == trust::Kind::kPlaces;
  });
  current.notes.push_back(places);
  return write_bundle(folder / kVendorBundle, current.notes);
}

}  // namespace

Status vendor_init(const VendorInit& options) {
  const auto name = trust::Fqdn::parse(options.name);
  if (!name) return fail(ErrorCode::kInvalid, "--name: not a domain name: " + options.name);
  const auto person = trust::Person::parse(options.person);
  if (!person) return fail(ErrorCode::kInvalid, "--person: write it as user@domain");
  const fs::path folder = options.folder;
  if (auto made = make_key_folder(folder, kRoles[0].file); !made) return made;

  crypto::SystemRng rng;
  const auto now = runtime::read_clocks().wall;
  trust::Root root;
  root.kind = trust::RootKind::kVendor;
  root.name = *name;
  root.issued = now;
  root.expires = now + kRootLife;
  root.domains = {trust::domain_of(*person)};
  std::vector<crypto::SigningKey> keys;
  for (const auto& role : kRoles) {
    keys.push_back(crypto::SigningKey::generate(rng));
    root.keys.push_back({role.group, *person, keys.back().public_key()});
  }
  std::sort(root.keys.begin(), root.keys.end());
  const auto note = trust::sign_statement(root, {person->str(), keys.front()});
  if (!note) return fail_with(note.error());
  const auto hash = note::hash(*note);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const KeyFile file{trust::RootKind::kVendor, hash,
                       std::string(trust::group_name(kRoles[i].group)), *person, keys[i].clone()};
    if (auto written = write_key(folder / kRoles[i].file, file); !written) return written;
  }
  if (auto written = write_bundle(folder / kVendorBundle, {*note}); !written) return written;
  print("vendor root for " + bold(name->str()) + " in " + folder.string());
  print("genesis hash, to be published out of band:");
  print("  " + trust::format_hash(hash.view()));
  hint_next(
      "culvert-coordinator init, then: culvert vendor collect --dir " + folder.string() +
      " coordinator.pub; for a second approver: culvert key new, culvert vendor root add-key");
  return {};
}

Status vendor_collect(const Common& common, const VendorCollect& options) {
  const fs::path folder = options.folder;
  const auto key = read_key(folder / kRoles[0].file);
  if (!key) return fail_with(key.error());
  const auto file = runtime::read_file(options.coordinator_pub, 16384);
  if (!file) return fail_with(file.error());
  const auto pub = control::CoordinatorPub::parse(text(*file));
  if (!pub) return fail_with(pub.error());
  const auto now = runtime::read_clocks();
  auto current = current_vendor_root(folder, key->pin, now);
  if (!current) return fail_with(current.error());

  if (!lists_exactly(current->root, *pub)) {
    const auto next = sign_next_root(*current, *pub, *key, now.wall);
    if (!next) return fail_with(next.error());
    if (!trust::verify_step(current->root, current->hash, *next)) {
      // No list of addresses yet: it has no use before the root lists the coordinator's keys.
      return wait_for_others(common, folder, *current, *next, options.coordinator_pub);
    }
    current->notes.push_back(*next);
  }
  const auto directory = read_key(folder / "directory.key");
  if (!directory) return fail_with(directory.error());
  const auto places = sign_places(*current, *pub, *directory, now.wall);
  if (!places) return fail_with(places.error());
  if (auto written = write_places(folder, std::move(*current), *places); !written) return written;
  if (common.json) {
    print_json({{"complete", true},
                {"file", (folder / kVendorBundle).string()},
                {"coordinator", pub->urls.front()}});
    return {};
  }
  print("the vendor's root lists the coordinator's keys; the list of addresses names " +
        pub->urls.front());
  hint_next("hand " + (folder / kVendorBundle).string() +
            " to customers and to culvert-coordinator vendor add");
  return {};
}

Status vendor_site(const VendorSite& options) {
  const fs::path folder = options.folder;
  const auto key = read_key(folder / "directory.key");
  if (!key) return fail_with(key.error());
  const auto expected = trust::parse_hash(options.hash);
  if (!expected) return fail(ErrorCode::kInvalid, "--hash: expected sha256: and 64 hex digits");
  const auto notes = read_bundle(options.site_bundle);
  if (!notes) return fail_with(notes.error());
  const auto root = trust::verify_genesis(notes->front(), *expected);
  if (!root) {
    return fail(
        ErrorCode::kUnverified,
        "the site root is not the one with that hash; compare it with the customer again (" +
            root.error().message + ")");
  }
  if (root->kind != trust::RootKind::kSite || root->vendor_id != trust::to_vendor_id(key->pin)) {
    return fail(ErrorCode::kInvalid, "that root is not of a site that deals with this vendor");
  }
  trust::Site site{trust::to_vendor_id(key->pin),
                   {root->name, trust::to_site_id(*expected)},
                   runtime::read_clocks().wall};
  const auto signed_site = trust::sign_statement(site, {key->person.str(), key->key});
  if (!signed_site) return fail_with(signed_site.error());
  const fs::path out =
      options.out.empty() ? folder / (root->name.str() + ".site") : fs::path(options.out);
  if (auto written = write_bundle(out, {*signed_site}); !written) return written;
  print("directory statement for " + bold(root->name.str()) + " in " + out.string());
  hint_next("culvert-coordinator site add " + options.site_bundle + " " + out.string());
  return {};
}

Status device_token(const Common& common, const DeviceToken& options) {
  const fs::path folder = options.folder;
  const auto person = trust::Person::parse(options.person);
  if (!person) return fail(ErrorCode::kInvalid, "--person: write it as user@domain");
  const auto key = read_key(folder / "admission.key");
  if (!key) return fail_with(key.error());
  auto current = current_vendor_root(folder, key->pin, runtime::read_clocks());
  if (!current) return fail_with(current.error());
  if (!current->places) {
    return fail(ErrorCode::kNotFound,
                "the vendor names no coordinator yet; run: culvert vendor collect --dir " +
                    folder.string() + " coordinator.pub");
  }
  trust::Token token;
  token.kind = trust::NodeKind::kDevice;
  for (const auto& entry : current->places->coordinators) token.coordinators.push_back(entry.url);
  token.pin = key->pin;
  token.person = *person;
  for (const auto& group : options.groups) {
    const auto label = trust::Label::parse(group);
    if (!label) return fail(ErrorCode::kInvalid, "--group: not a label: " + group);
    token.groups.push_back(*label);
  }
  std::sort(token.groups.begin(), token.groups.end());
  token.notes = current->notes;
  const auto rendered = token.render();
  if (auto parsed = trust::Token::parse(rendered); !parsed) return fail_with(parsed.error());
  if (auto written = write_token_file(common, options.out, rendered); !written) return written;
  if (token.groups.empty()) {
    hint(
        "warning: the token names no group, and policies allow groups alone: this laptop could "
        "ask for nothing; next: the same command with --group LABEL");
  }
  if (common.json) {
    print_json({{"file", options.out},
                {"person", person->str()},
                {"groups", options.groups},
                {"coordinators", token.coordinators}});
    return {};
  }
  print("token for a device of " + bold(person->str()) + " in " + options.out);
  hint_next("on the laptop: culvert up --token-file " + options.out);
  return {};
}

}  // namespace culvert::cli

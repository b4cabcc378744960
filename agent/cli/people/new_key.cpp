// Makes keys for further persons. The secret stays with its holder; somebody with a root key adds
// the public line to the root.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "agent/cli/people/keyfile.hpp"
#include "agent/cli/people/new_key.hpp"
#include "agent/cli/people/public_line.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/trust/statements/step.hpp"

namespace culvert::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kGroups =
    ": a site's root has root, approvers, enrolment and lease; a vendor's root, approvers, "
    "device-admission, directory, lease and ticket";

std::optional<trust::RootKey> read_line_of(const std::string& file) {
  constexpr std::size_t kMost = 1024;
  const auto bytes = runtime::read_file_if_there(file, kMost);
  if (!bytes || !*bytes) return std::nullopt;
  std::string_view line = text(**bytes);
  if (line.ends_with('\n')) line.remove_suffix(1);
  return trust::parse_root_key(line);
}

}  // namespace

std::optional<crypto::PublicKey> read_public_key(const std::string& subject) {
  if (auto key = crypto::parse_public_key(subject)) return key;
  const auto line = read_line_of(subject);
  return line ? std::optional(line->key) : std::nullopt;
}

Result<trust::RootKey> read_public(const std::string& subject, const std::string& group,
                                   const std::string& person) {
  const auto key = crypto::parse_public_key(subject);
  const auto line = key ? std::nullopt : read_line_of(subject);
  if (!key && !line) {
    return fail(ErrorCode::kInvalid,
                subject +
                    " is no public key (ed25519:…) and no file with one; next: culvert key "
                    "public --key FILE writes the line, on its holder's machine");
  }
  trust::RootKey out = line ? *line : trust::RootKey{{}, {}, *key};
  const auto named_group = trust::parse_group(group);
  const auto named_person = trust::Person::parse(person);
  if (!group.empty() && !named_group) {
    return fail(ErrorCode::kInvalid, "--group: there is no group " + group + kGroups);
  }
  if (!person.empty() && !named_person) {
    return fail(ErrorCode::kInvalid, "--person: write it as user@domain");
  }
  if (!line && (!named_group || !named_person)) {
    return fail(ErrorCode::kInvalid, "a bare key needs --group and --person user@domain");
  }
  if (line && ((named_group && *named_group != line->group) ||
               (named_person && *named_person != line->person))) {
    return fail(ErrorCode::kConflict, subject + " is the key of " + line->person.str() +
                                          " for the group " +
                                          std::string(trust::group_name(line->group)) +
                                          ", not what --group and --person say");
  }
  if (!line) out = {*named_group, *named_person, *key};
  return out;
}

namespace {

// Copies the bundles that a key's holder needs beside the key.
Status copy_bundles(const fs::path& from, const fs::path& to) {
  for (const char* name : {kSiteBundle, kVendorBundle, kRevocationsBundle}) {
    if (!fs::exists(from / name) || fs::exists(to / name)) continue;
    const auto bytes = runtime::read_file((from / name).string());
    if (!bytes) return fail_with(bytes.error());
    if (auto done = runtime::write_file_atomic((to / name).string(), *bytes); !done) return done;
  }
  return {};
}

void print_line(const Common& common, const trust::RootKey& line, const std::string& file) {
  if (common.json) {
    print_json({{"group", trust::group_name(line.group)},
                {"person", line.person.str()},
                {"key", crypto::format_public_key(line.key)},
                {"line", trust::format_root_key(line)},
                {"file", file}});
    return;
  }
  print(trust::format_root_key(line));
}

}  // namespace

Status new_key(const Common& common, const NewKey& options) {
  const auto notes = read_bundle(options.bundle);
  if (!notes) return fail_with(notes.error());
  const auto expected = trust::parse_hash(options.root_hash);
  if (!expected)
    return fail(ErrorCode::kInvalid, "--root-hash: expected sha256: and 64 hex digits");
  const auto root = trust::verify_genesis(notes->front(), *expected);
  if (!root) {
    return fail(ErrorCode::kUnverified, options.bundle + " is not of the root with that hash (" +
                                            root.error().message +
                                            "); compare the hash out of band again");
  }
  const auto group = trust::parse_group(options.group);
  if (!group || !trust::group_fits(*group, root->kind)) {
    return fail(ErrorCode::kInvalid, "--group: that root has no group " + options.group + kGroups);
  }
  const auto person = trust::Person::parse(options.person);
  if (!person) return fail(ErrorCode::kInvalid, "--person: write it as user@domain");
  if (fs::exists(options.out)) {
    return fail(ErrorCode::kConflict, options.out + " is there already; choose another file");
  }
  crypto::SystemRng rng;
  const KeyFile key{root->kind, *expected, options.group, *person,
                    crypto::SigningKey::generate(rng)};
  if (auto written = write_key(options.out, key); !written) return written;
  const trust::RootKey line{*group, *person, key.key.public_key()};
  const auto file = options.out + ".pub";
  if (auto written = runtime::write_file_atomic(file, view(trust::format_root_key(line) + "\n"));
      !written) {
    return written;
  }
  const auto from = fs::absolute(options.bundle).parent_path();
  const auto to = fs::absolute(options.out).parent_path();
  if (auto copied = copy_bundles(from, to); !copied) return copied;
  print_line(common, line, file);
  hint_next("send " + file + " to who keeps the root: culvert " +
            (root->kind == trust::RootKind::kSite ? "site" : "vendor") + " root add-key " + file);
  return {};
}

Status show_public_key(const Common& common, const std::string& key_file) {
  const auto key = read_key(key_file);
  if (!key) return fail_with(key.error());
  const auto group = trust::parse_group(key->group);
  if (!group) return fail(ErrorCode::kInvalid, key_file + " names no group: " + key->group);
  print_line(common, {*group, key->person, key->key.public_key()}, key_file);
  return {};
}

}  // namespace culvert::cli

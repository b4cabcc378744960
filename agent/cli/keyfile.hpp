// Files of people and of the two roots: keys (0600) and bundles of public notes beside them.
//
//   culvert/key/v1
//   root: site|vendor                whose root lists the key
//   pin: sha256:…                    that root's epoch-1 hash: what its holder believes in
//   group: <group>                   where it stands in that root
//   person: <person>
//   secret: <64 hex>                 Ed25519 seed
//
// Beside a key stand vendor.bundle (the vendor's root chain) and, for a site, site.bundle (the
// site's root chain and policy); revocations.bundle has what was revoked or suspended from there,
// enrolments.bundle the enrolments of the tokens that were made there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/cli/options.hpp"
#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::cli {

struct KeyFile {
  trust::RootKind root = trust::RootKind::kSite;
  crypto::Hash pin;
  std::string group;
  trust::Person person;
  crypto::SigningKey key;

  trust::Pins pins() const;
};

constexpr const char* kVendorBundle = "vendor.bundle";
constexpr const char* kSiteBundle = "site.bundle";
constexpr const char* kRevocationsBundle = "revocations.bundle";
constexpr const char* kEnrolmentsBundle = "enrolments.bundle";

Result<KeyFile> read_key(const std::filesystem::path& path);
Status write_key(const std::filesystem::path& path, const KeyFile& key);

// A key in the wrong group counts for nothing; better said before it signs.
Status check_group(const KeyFile& key, std::initializer_list<trust::Group> may);

// An older token in that file is overwritten, which is said (not with JSON); any other file is left
// alone.
Status write_token_file(const Common& common, const std::string& path, std::string token);

Result<std::vector<note::Note>> read_bundle(const std::filesystem::path& path);
Status write_bundle(const std::filesystem::path& path, const std::vector<note::Note>& notes);

// What stands in the folder of a key, verified against the key's pin. A policy that the newest root
// vouches for no longer is left out: the folder must stay of use for signing the next one.
Result<trust::Evidence> read_evidence(const std::filesystem::path& folder, const trust::Pins& pins,
                                      Now now);

// A folder for new keys: made 0700; refused when `first_file` is in it already.
Status make_key_folder(const std::filesystem::path& folder, const char* first_file);

}  // namespace culvert::cli

// Key files (0600), and the bundles of public notes beside them.
//
//   culvert/key/v1
//   root: site|vendor                whose root lists the key
// pin: sha256:…                    the root's epoch-1 hash, which the holder trusts
// group: <group>                   the key's group in the root
//   person: <person>
//   secret: <64 hex>                 Ed25519 seed
//
// Beside a key stand vendor.bundle (the vendor's root chain) and, for a site, site.bundle (the
// site's root chain and policy); revocations.bundle has the revocations and suspensions that were
// signed in this folder, enrolments.bundle the enrolments of the tokens that were made in it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/cli/show/common.hpp"
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

// Error: the key is in none of the groups `may`, so its signature would have no effect.
Status check_group(const KeyFile& key, std::initializer_list<trust::Group> may);

// Overwrites an older token in the file, and prints that it does (not with JSON). Fails if the file
// is not a token.
Status write_token_file(const Common& common, const std::string& path, std::string token);

Result<std::vector<note::Note>> read_bundle(const std::filesystem::path& path);
Status write_bundle(const std::filesystem::path& path, const std::vector<note::Note>& notes);

// The evidence of the bundles in a key's folder, verified against the key's pin. Leaves out a
// policy that the newest root no longer vouches for, so that the next policy can still be signed
// here.
Result<trust::Evidence> read_evidence(const std::filesystem::path& folder, const trust::Pins& pins,
                                      Now now);

// Makes a folder for new keys (0700). Fails if the folder has `first_file` already.
Status make_key_folder(const std::filesystem::path& folder, const char* first_file);

}  // namespace culvert::cli

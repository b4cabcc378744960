// A folder of key files and bundles, verified against the first root of its chain.
//
//   site.bundle         the site's roots and its newest policy         (site)
//   vendor.bundle       the vendor's roots and its list of addresses   (both)
// revocations.bundle  revocations and suspensions signed here        (both, may be missing)
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/cli/people/keyfile.hpp"
#include "proto/trust/evidence.hpp"

namespace culvert::cli {

class RootFolder {
 public:
  // `key`: the folder's first root must be the key's pin; null: the folder's first root is trusted,
  // since the folder is the caller's own.
  static Result<RootFolder> open(const std::filesystem::path& path, trust::RootKind kind,
                                 const KeyFile* key, Now now);
  // The kind of the folder: a site's if it has a site.bundle.
  static trust::RootKind kind_of(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  trust::RootKind kind() const { return kind_; }
  const crypto::Hash& pin() const { return pin_; }
  trust::Evidence& evidence() { return evidence_; }
  const trust::Evidence& evidence() const { return evidence_; }
  const trust::Root& root() const { return root_; }  // the newest of the folder's chain
  const note::Note& root_note() const { return root_note_; }
  crypto::Hash root_hash() const { return note::hash(root_note_); }
  trust::SiteRef site() const { return {root_.name, trust::to_site_id(pin_)}; }
  trust::VendorId vendor_id() const;
  // The newest policy in the bundle, even if the root no longer vouches for it. Sites only.
  const std::optional<trust::Policy>& policy() const { return policy_; }
  const note::Note& policy_note() const { return policy_note_; }
  bool policy_vouched() const;
  bool suspended(const crypto::PublicKey& key) const { return suspended_.count(key) != 0; }

  // Verifies a complete statement and puts it into its bundle. kUnverified: too few persons have
  // signed; the folder is unchanged.
  Status take(Now now, const note::Note& note);

 private:
  RootFolder(std::filesystem::path path, trust::RootKind kind, crypto::Hash pin,
             trust::Evidence evidence);
  Status read_newest();
  Status keep(const note::Note& note);

  std::filesystem::path path_;
  trust::RootKind kind_;
  crypto::Hash pin_;
  trust::Evidence evidence_;
  trust::Root root_;
  note::Note root_note_;
  std::optional<trust::Policy> policy_;
  note::Note policy_note_;
  std::set<crypto::PublicKey> suspended_;
};

}  // namespace culvert::cli

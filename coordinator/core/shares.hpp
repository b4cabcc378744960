// How much of the ledger each party may take: what is stored is charged to a signer, a device, an
// enrolment or a site, and counts for as long as it is not over.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kMaxRevocationsOfSigner = 1024;
inline constexpr std::size_t kMaxGrantsOfDevice = 256;                   // that are not ended
inline constexpr std::size_t kMaxNodesOfSite = 1024;                     // agents in force
inline constexpr std::size_t kMaxDocumentBytes = std::size_t{8} << 20U;  // of one site's root chain
inline constexpr std::size_t kMaxFurtherOfSigner = 16;  // statements of a type not known here

struct Share {
  std::string owner;
  std::size_t most = 0;
  bool bytes = false;  // `most` counts bytes of notes, else notes
};

// Whom a statement of a known kind is charged to, and how much each may have. Empty: its number is
// bounded by what it belongs to. Signatures that matter for that are verified.
std::vector<Share> shares_of(trust::Kind kind, const note::Note& note,
                             const trust::Evidence& evidence);

// The key that a revocation is charged to: the first signer that counts in the order of the
// vendor's root, then of the site's; else the device of the grant. Absent: nobody who counts.
std::optional<crypto::PublicKey> charged_signer(const note::Note& note,
                                                const trust::Revocation& revocation,
                                                const trust::Evidence& evidence);

// What each owner has in the ledger.
class Shares {
 public:
  void add(const std::string& owner, const crypto::Hash& id) { owned_[owner].insert(id); }
  void remove(const std::string& owner, const crypto::Hash& id);
  const std::set<crypto::Hash>& of(const std::string& owner) const;

 private:
  std::map<std::string, std::set<crypto::Hash>> owned_;
};

}  // namespace culvert::coordinator

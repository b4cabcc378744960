// How much of the ledger each party may take. Each statement is charged to a device or a site until
// the statement's end. trust::Evidence has its own shares for revocations.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "proto/note/note.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kMaxGrantsOfDevice = 256;                   // that have not ended
inline constexpr std::size_t kMaxNodesOfSite = 1024;                     // agents in force
inline constexpr std::size_t kMaxDocumentBytes = std::size_t{8} << 20U;  // of one site's root chain
inline constexpr std::size_t kMaxFurtherOfSigner = 16;  // statements of a type not known here

struct Share {
  std::string owner;
  std::size_t most = 0;
  bool bytes = false;  // `most` counts bytes of notes, else notes
};

// The owners that a statement of a known kind is charged to, and the most that each may have.
// Empty: there is at most one such statement for each node or site.
std::vector<Share> shares_of(trust::Kind kind, const note::Note& note);

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

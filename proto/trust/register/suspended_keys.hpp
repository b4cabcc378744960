// Suspended keys. A suspended key never counts again, in any group of any chain of roots; the steps
// that the key signed before it was suspended can still be walked.
#pragma once

#include <map>
#include <set>

#include "proto/trust/register/chain.hpp"
#include "proto/trust/register/register_floors.hpp"
#include "proto/trust/register/tally.hpp"

namespace culvert::trust {

class SuspendedKeys {
 public:
  SuspendedKeys(std::map<KeyAndRoot, std::uint64_t> epochs, std::set<KeyAndRoot> named);

  bool contains(const crypto::PublicKey& key) const;
  // What the suspensions mean for the chain that begins with the root `chain`. A chain that did not
  // list a key when the key was suspended counts the key in no step at all.
  Suspensions in_chain(const Hash& chain) const;
  bool has_room(const Hash& chain) const;  // for one more key of this chain

  // The key counts in steps of this chain up to `epoch` and in none after it.
  void mark(const crypto::PublicKey& key, const Hash& chain, std::uint64_t epoch);
  // The key's holder named a root that is not known here yet.
  void await(const crypto::PublicKey& key, const Hash& root);
  // The chain has moved: marks the keys whose named root the chain knows by now. True: there were
  // such keys.
  bool settle(const RootChain& chain);

  const std::map<KeyAndRoot, std::uint64_t>& epochs() const { return epochs_; }
  const std::set<KeyAndRoot>& named() const { return named_; }

 private:
  std::map<KeyAndRoot, std::uint64_t> epochs_;  // RegisterFloors::suspended
  std::set<KeyAndRoot> named_;                  // RegisterFloors::suspended_at
  Tally<Hash> in_chain_;                        // how many of epochs_ each chain has
};

}  // namespace culvert::trust

// Suspended keys. A suspended key never counts again, in any group of any chain of roots. Steps
// that the key signed before its suspension can still be verified.
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
  // The effect of the suspensions on the chain that begins with the root `chain`. In a chain that
  // did not list the key at the time of its suspension, the key counts in no step.
  Suspensions in_chain(const Hash& chain) const;
  bool has_room(const Hash& chain) const;  // for one more suspended key of the chain

  // The key counts in steps of the chain up to `epoch` and in no later step.
  void mark(const crypto::PublicKey& key, const Hash& chain, std::uint64_t epoch);
  // The key's holder named a root that this party does not know yet.
  void await(const crypto::PublicKey& key, const Hash& root);
  // To call when a chain has grown: marks the keys whose named root the chain knows now. True: at
  // least one key was marked.
  bool settle(const RootChain& chain);

  const std::map<KeyAndRoot, std::uint64_t>& epochs() const { return epochs_; }
  const std::set<KeyAndRoot>& named() const { return named_; }

 private:
  std::map<KeyAndRoot, std::uint64_t> epochs_;  // RegisterFloors::suspended
  std::set<KeyAndRoot> named_;                  // RegisterFloors::suspended_at
  Tally<Hash> in_chain_;                        // the number of epochs_ of each chain
};

}  // namespace culvert::trust

#include "proto/trust/register/suspended_keys.hpp"

#include <algorithm>

#include "proto/trust/register/limits.hpp"

namespace culvert::trust {

SuspendedKeys::SuspendedKeys(std::map<KeyAndRoot, std::uint64_t> epochs, std::set<KeyAndRoot> named)
    : epochs_(std::move(epochs)), named_(std::move(named)) {
  for (const auto& [key, epoch] : epochs_) in_chain_.add(key.second);
}

bool SuspendedKeys::contains(const crypto::PublicKey& key) const {
  const auto found = epochs_.lower_bound({key, Hash{}});
  if (found != epochs_.end() && found->first.first == key) return true;
  const auto named = named_.lower_bound({key, Hash{}});
  return named != named_.end() && named->first == key;
}

Suspensions SuspendedKeys::in_chain(const Hash& chain) const {
  Suspensions out;
  for (const auto& [entry, epoch] : epochs_) {
    auto& until = out.until[entry.first];
    if (entry.second == chain) until = std::max(until, epoch);
  }
  for (const auto& [key, root] : named_) {
    out.until[key];
    out.named.insert(root);
  }
  return out;
}

bool SuspendedKeys::has_room(const Hash& chain) const {
  return in_chain_.of(chain) < kMaxSuspendedKeys;
}

void SuspendedKeys::mark(const crypto::PublicKey& key, const Hash& chain, std::uint64_t epoch) {
  const auto [entry, is_new] = epochs_.try_emplace({key, chain}, epoch);
  if (is_new) in_chain_.add(chain);
  entry->second = std::max(entry->second, epoch);
}

void SuspendedKeys::await(const crypto::PublicKey& key, const Hash& root) {
  named_.insert({key, root});
}

bool SuspendedKeys::settle(const RootChain& chain) {
  bool settled = false;
  for (auto named = named_.begin(); named != named_.end();) {
    const auto epoch = chain.epoch_of(named->second);
    if (epoch == 0) {
      ++named;
      continue;
    }
    mark(named->first, chain.pin(), epoch);
    named = named_.erase(named);
    settled = true;
  }
  return settled;
}

}  // namespace culvert::trust

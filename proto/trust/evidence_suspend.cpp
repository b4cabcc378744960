// Suspended keys. A suspended key never counts again, in any group of any chain; what it signed
// before stays walked.
#include <algorithm>

#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {

bool Lookups::suspended(const crypto::PublicKey& key) const {
  const auto found = floors.suspended.lower_bound({key, Hash{}});
  if (found != floors.suspended.end() && found->first.first == key) return true;
  const auto named = floors.suspended_at.lower_bound({key, Hash{}});
  return named != floors.suspended_at.end() && named->first == key;
}

// A chain that did not list a key when it was suspended counts it in no step at all.
Suspensions Evidence::State::suspensions(const Hash& chain) const {
  Suspensions out;
  for (const auto& [entry, epoch] : floors.suspended) {
    auto& until = out.until[entry.first];
    if (entry.second == chain) until = std::max(until, epoch);
  }
  for (const auto& [key, root] : floors.suspended_at) {
    out.until[key];
    out.named.insert(root);
  }
  return out;
}

bool Evidence::State::known_key(const crypto::PublicKey& key) const {
  return (vendor && vendor->ever_listed(key)) ||
         std::any_of(sites.begin(), sites.end(),
                     [&](const auto& entry) { return entry.second.chain.ever_listed(key); });
}

void Evidence::State::mark_suspended(const crypto::PublicKey& key, const Hash& chain,
                                     std::uint64_t epoch) {
  const auto [entry, is_new] = floors.suspended.try_emplace({key, chain}, epoch);
  if (is_new) shares.suspended_in.add(chain);
  entry->second = std::max(entry->second, epoch);
}

// A key that some chain lists may go as long as one of those chains has room.
Status Evidence::State::charge_suspension(const crypto::PublicKey& key) const {
  const auto has_room = [&](const RootChain& chain) {
    return chain.ever_listed(key) && shares.suspended_in.of(chain.pin()) < kMaxSuspendedKeys;
  };
  if (recalling || (vendor && has_room(*vendor))) return {};
  for (const auto& [id, site] : sites) {
    if (has_room(site.chain)) return {};
  }
  return fail(ErrorCode::kExhausted, "revocation: the chain of this key has ended " +
                                         std::to_string(kMaxSuspendedKeys) +
                                         " of its keys already");
}

void Evidence::State::suspend(const Revocation& revocation) {
  const auto mark = [&](const RootChain& chain) {
    if (chain.first() != nullptr && chain.ever_listed(revocation.key)) {
      mark_suspended(revocation.key, chain.pin(), chain.notes().size());
    }
  };
  if (vendor) mark(*vendor);
  for (const auto& [id, site] : sites) mark(site.chain);
  for (const auto& root : revocation.roots) {
    const bool known = (vendor && vendor->knows(root)) ||
                       std::any_of(sites.begin(), sites.end(), [&](const auto& entry) {
                         return entry.second.chain.knows(root);
                       });
    if (!known) floors.suspended_at.insert({revocation.key, root});
  }
  ++revision;
  revouch({});
}

// The chain has moved: a root that a suspension names may be known now.
void Evidence::State::settle_suspensions(const RootChain& chain) {
  for (auto named = floors.suspended_at.begin(); named != floors.suspended_at.end();) {
    const auto epoch = chain.epoch_of(named->second);
    if (epoch == 0) {
      ++named;
      continue;
    }
    mark_suspended(named->first, chain.pin(), epoch);
    named = floors.suspended_at.erase(named);
    ++revision;
  }
}

}  // namespace culvert::trust

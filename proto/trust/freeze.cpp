#include "proto/trust/freeze.hpp"

#include <algorithm>

namespace culvert::trust {

bool is_suspended(const Floors& floors, const crypto::PublicKey& key) {
  const auto by_key = [&](const auto& entry) { return entry.first == key; };
  return std::any_of(floors.suspended.begin(), floors.suspended.end(),
                     [&](const auto& entry) { return by_key(entry.first); }) ||
         std::any_of(floors.suspended_at.begin(), floors.suspended_at.end(), by_key);
}

}  // namespace culvert::trust

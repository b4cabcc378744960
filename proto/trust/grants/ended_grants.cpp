#include "proto/trust/grants/ended_grants.hpp"

#include "proto/trust/grants/limits.hpp"

namespace culvert::trust {

EndedGrants::EndedGrants(std::map<GrantId, Tombstone> tombstones)
    : tombstones_(std::move(tombstones)) {
  for (const auto& [id, ended] : tombstones_) {
    if (!ended.device.is_zero()) of_device_.add(ended.device);
  }
}

const Tombstone* EndedGrants::find(const GrantId& id) const {
  const auto found = tombstones_.find(id);
  return found == tombstones_.end() ? nullptr : &found->second;
}

void EndedGrants::add(const GrantId& id, const Tombstone& ended) {
  const bool is_new = tombstones_.emplace(id, ended).second;
  if (is_new && !ended.device.is_zero()) of_device_.add(ended.device);
}

std::vector<GrantId> EndedGrants::forget(WallTime now, StoreAge age) {
  const bool full = of_device_.total() >= kMaxTombstones;
  std::vector<GrantId> out;
  for (auto it = tombstones_.begin(); it != tombstones_.end();) {
    const auto& [id, ended] = *it;
    if (ended.forget > age && !(full && ended.until + kLongOver <= now)) {
      ++it;
      continue;
    }
    if (!ended.device.is_zero()) of_device_.remove(ended.device);
    out.push_back(id);
    it = tombstones_.erase(it);
  }
  return out;
}

}  // namespace culvert::trust

#include "tests/sim/paths.hpp"

#include <algorithm>

namespace culvert::sim {

Paths::Pair Paths::pair_of(HostId a, HostId b) { return std::minmax(a, b); }

void Paths::set_cut(HostId a, HostId b, bool cut) {
  if (cut) {
    cuts_.insert(pair_of(a, b));
  } else {
    cuts_.erase(pair_of(a, b));
  }
}

void Paths::set_udp_cut(HostId a, HostId b, bool cut) {
  if (cut) {
    udp_cuts_.insert(pair_of(a, b));
  } else {
    udp_cuts_.erase(pair_of(a, b));
  }
}

void Paths::set_hole(HostId a, HostId b, std::size_t carried) { holes_[pair_of(a, b)] = carried; }

void Paths::heal() {
  cuts_.clear();
  udp_cuts_.clear();
}

bool Paths::is_cut(HostId a, HostId b) const { return cuts_.contains(pair_of(a, b)); }

bool Paths::passes(HostId a, HostId b, std::size_t size) const {
  return !is_cut(a, b) && !udp_cuts_.contains(pair_of(a, b)) && size <= carried(a, b);
}

std::size_t Paths::carried(HostId a, HostId b) const {
  const auto found = holes_.find(pair_of(a, b));
  return found == holes_.end() ? kNoHole : found->second;
}

bool Paths::has_hole(HostId host) const {
  return std::any_of(holes_.begin(), holes_.end(), [&](const auto& hole) {
    const auto& [a, b] = hole.first;
    return (a == host || b == host) && hole.second != kNoHole;
  });
}

}  // namespace culvert::sim

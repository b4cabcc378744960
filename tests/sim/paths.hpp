// What passes between two hosts of the simulator's network, in both directions: everything, no
// datagrams, only short datagrams, or nothing.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace culvert::sim {

using HostId = std::size_t;

inline constexpr std::size_t kNoHole = 65'507;

class Paths {
 public:
  void set_cut(HostId a, HostId b, bool cut);      // nothing passes between both hosts
  void set_udp_cut(HostId a, HostId b, bool cut);  // datagrams only
  // Drops longer datagrams between both hosts, until the next call.
  void set_hole(HostId a, HostId b, std::size_t carried);
  void heal();  // ends all cuts; the holes stay

  bool is_cut(HostId a, HostId b) const;
  bool passes(HostId a, HostId b, std::size_t size) const;  // a datagram of `size` bytes
  std::size_t carried(HostId a, HostId b) const;            // bytes; kNoHole: all
  bool has_hole(HostId host) const;  // whether a path from or to the host has a hole

 private:
  using Pair = std::pair<HostId, HostId>;  // the lower id is first
  static Pair pair_of(HostId a, HostId b);

  std::set<Pair> cuts_;
  std::set<Pair> udp_cuts_;
  std::map<Pair, std::size_t> holes_;
};

}  // namespace culvert::sim

// Cryptokey routing (paper, section 2): prefix → peer, the longest match wins. Each prefix length
// in use has one hash table; they are tried from the longest down, so a mesh of /128s takes one
// look-up.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/prefix.hpp"

namespace culvert::wireguard {

struct LanePeer;

class AllowedIps {
 public:
  // A prefix belongs to one peer: the last peer that claims the prefix takes it, as in every
  // WireGuard implementation.
  void insert(const Prefix& prefix, LanePeer* peer);
  bool remove(const Prefix& prefix, const LanePeer* peer);  // false: the prefix is not the peer's
  void remove(const Prefix& prefix);                        // whichever peer has the prefix
  void remove_all(const LanePeer* peer);
  LanePeer* lookup(const IpAddress& address) const;  // null: no peer has the address
  // The sorted prefixes of the peer `of`, or, with null, of every peer.
  std::map<const LanePeer*, std::vector<Prefix>> prefixes(const LanePeer* of = nullptr) const;

 private:
  struct Table {
    std::uint64_t high_mask;  // mask of the address's first 8 bytes, as a big-endian word
    std::uint64_t low_mask;   // mask of the last 8 bytes
    std::uint8_t length;      // as in Prefix: 0 to 32 for IPv4, 0 to 128 for IPv6
    std::unordered_map<IpAddress, LanePeer*> peers;
  };
  std::vector<Table>& tables(const IpAddress& address) { return address.is_v4() ? v4_ : v6_; }
  void erase(const Prefix& prefix);  // `prefix` is in a table

  std::vector<Table> v4_;  // longest prefix first
  std::vector<Table> v6_;  // longest prefix first
  // The prefixes of each peer, so that the cost of changing a peer depends on that peer only.
  std::unordered_map<const LanePeer*, std::set<Prefix>> owned_;
};

// Look-ups in a table that does not change during the life of the object. Keeps the last look-up,
// since a burst of packets mostly has one address.
class Routes {
 public:
  explicit Routes(const AllowedIps& table) : table_(table) {}
  LanePeer* operator()(const IpAddress& address) {
    if (!any_ || last_ != address) {
      any_ = true;
      last_ = address;
      owner_ = table_.lookup(address);
    }
    return owner_;
  }

 private:
  const AllowedIps& table_;
  bool any_ = false;
  IpAddress last_;
  LanePeer* owner_ = nullptr;
};

}  // namespace culvert::wireguard

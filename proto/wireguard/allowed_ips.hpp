// Cryptokey routing (paper, section 2): prefix → peer, the longest match wins. One hash table a
// prefix length in use, tried from the longest down: a mesh of /128s takes one look-up.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/prefix.hpp"

namespace culvert::wireguard {

struct Peer;
struct LanePeer;

// For Device's peers and for a Lane's.
template <class Owner>
class PrefixTable {
 public:
  // A prefix belongs to one peer; the last to claim it has it, as in every WireGuard.
  void insert(const Prefix& prefix, Owner* peer);
  bool remove(const Prefix& prefix, const Owner* peer);  // if it is that peer's
  void remove(const Prefix& prefix);                     // whosever it is
  void remove_all(const Owner* peer);
  Owner* lookup(const IpAddress& address) const;  // null: nobody's
  // Of one peer or (null) of all, by peer; sorted.
  std::map<const Owner*, std::vector<Prefix>> prefixes(const Owner* of = nullptr) const;

 private:
  struct Table {
    std::uint64_t high_mask;  // of the address as two big-endian words
    std::uint64_t low_mask;
    std::uint8_t length;  // as in Prefix, of the family
    std::unordered_map<IpAddress, Owner*> peers;
  };
  std::vector<Table>& tables(const IpAddress& address) { return address.is_v4() ? v4_ : v6_; }
  void erase(const Prefix& prefix);  // that is there

  std::vector<Table> v4_;  // longest first
  std::vector<Table> v6_;
  // The same the other way round, so that a change of one peer costs what that peer has.
  std::unordered_map<const Owner*, std::set<Prefix>> owned_;
};

// Of a table that does not change meanwhile; bursts have one address, so the last look-up is kept.
template <class Owner>
class BurstLookup {
 public:
  explicit BurstLookup(const PrefixTable<Owner>& table) : table_(table) {}
  Owner* operator()(const IpAddress& address) {
    if (!any_ || last_ != address) {
      any_ = true;
      last_ = address;
      owner_ = table_.lookup(address);
    }
    return owner_;
  }

 private:
  const PrefixTable<Owner>& table_;
  bool any_ = false;
  IpAddress last_;
  Owner* owner_ = nullptr;
};

using AllowedIps = PrefixTable<Peer>;
using Routes = BurstLookup<Peer>;

}  // namespace culvert::wireguard

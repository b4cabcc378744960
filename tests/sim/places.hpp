// The networks of one world, drawn from its seed: the public network, homes behind one NAT each, a
// carrier with phones and with homes behind a second NAT, and an office that lets no UDP out. Hosts
// that draw the same network share its LAN. Every LAN has the same private addresses.
#pragma once

#include <vector>

#include "tests/sim/network.hpp"

namespace culvert::sim {

class Places {
 public:
  Places(Network& network, Rng& rng);

  Place draw();                // a new place
  RealmId draw_nat();          // the realm behind some NAT
  void renumber(RealmId nat);  // gives the NAT another external address
  bool must_go_direct(const Place& a, const Place& b) const;
  std::string describe(const Place& place) const;

 private:
  enum class Range { kHosts, kNats, kCarrier, kLan };
  IpAddress next_address(Range range, RealmId realm);
  RealmId add_nat(RealmId outside, Range range, bool udp);

  Network& network_;
  Rng& rng_;
  std::vector<Range> ranges_;        // by realm
  std::vector<std::uint16_t> next_;  // by realm: the next host number
  std::uint16_t next_nat_ = 0;       // of public NAT addresses
  std::vector<RealmId> choices_;     // each network as often as its weight
};

}  // namespace culvert::sim

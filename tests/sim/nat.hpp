// NATs after RFC 4787, and the realms of addresses between NATs. Realm 0 is the public network.
// Every other realm lies behind one NAT, whose external address is in the realm outside:
//
//   public ── home NAT ── 192.168.1.0/24
//     └────── carrier NAT ── 100.64.0.0/16 ── home NAT ── 192.168.1.0/24
//
// A private address is valid only in its own realm; several realms have the same addresses. Only
// datagrams are translated. A stream from inside passes every NAT, so the Network carries streams
// unchanged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"

namespace culvert::sim {

using RealmId = std::size_t;
inline constexpr RealmId kPublic = 0;

// Which parts of the remote endpoint a mapping (§4.1) or a filter (§5) depends on.
enum class Dependence { kNone, kAddress, kAddressAndPort };

struct NatBehaviour {
  Dependence mapping = Dependence::kNone;
  Dependence filtering = Dependence::kNone;
  Duration expiry = 120s;   // §4.3; refreshed by outbound datagrams only (REQ-6)
  bool hairpin = false;     // §6
  bool keeps_port = false;  // §4.2.1, where the port is free
  bool udp = true;          // false: a firewall that lets no datagram out
};

std::string describe(const NatBehaviour& behaviour);

class Nats {
 public:
  explicit Nats(Rng& rng) : rng_(rng) {}

  // `external`: an unused address of the realm `outside`.
  RealmId add(RealmId outside, IpAddress external, NatBehaviour behaviour);
  void reboot(RealmId inside);  // all mappings are gone
  void renumber(RealmId inside, IpAddress external);
  RealmId outside(RealmId inside) const { return at(inside).outside; }
  IpAddress external(RealmId inside) const { return at(inside).external; }
  const NatBehaviour& behaviour(RealmId inside) const { return at(inside).behaviour; }
  std::size_t realms() const { return nats_.size() + 1; }
  // The realm behind this address, among the realms directly within `realm`.
  std::optional<RealmId> behind(RealmId realm, const IpAddress& external) const;

  // An outbound datagram. Returns its source as seen outside; nothing: dropped.
  std::optional<Endpoint> leave(Instant now, RealmId inside, const Endpoint& source,
                                const Endpoint& to);
  // A datagram to an external port. Returns the destination inside; nothing: filtered. A datagram
  // from the NAT's own external address is a hairpin.
  std::optional<Endpoint> enter(Instant now, RealmId inside, const Endpoint& source,
                                std::uint16_t port) const;

  // Whether two hosts in these realms must find a direct path.
  bool must_go_direct(RealmId a, RealmId b) const;

 private:
  struct Contact {
    Endpoint remote;
    Instant last;  // of the last datagram to `remote`
  };
  struct Mapping {
    Endpoint inside;
    Endpoint toward;  // the parts that the mapping depends on; the rest is zero
    std::uint16_t port = 0;
    std::vector<Contact> contacts;  // the latest contact is the mapping's last use
  };
  struct Nat {
    RealmId outside = kPublic;
    IpAddress external;
    NatBehaviour behaviour;
    std::vector<Mapping> mappings;
  };
  struct Way {  // from a host outwards, several NATs combined
    bool udp = true;
    bool any = false;
    Dependence mapping = Dependence::kNone;
    Dependence filtering = Dependence::kNone;
  };

  Nat& at(RealmId inside) { return nats_[inside - 1]; }
  const Nat& at(RealmId inside) const { return nats_[inside - 1]; }
  void expire(Instant now, Nat& nat);
  std::uint16_t free_port(const Nat& nat, std::uint16_t wish);
  std::vector<RealmId> outwards(RealmId from) const;  // from, … , kPublic
  Way way(RealmId from, RealmId to) const;            // `to` is in outwards(from)

  Rng& rng_;
  std::vector<Nat> nats_;  // of realm 1, 2, …
};

}  // namespace culvert::sim

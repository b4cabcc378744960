// What Access tells Mesh: which flows may pass, and which nodes are peers. Access computes a whole
// new value after each change (agent/access/granted.cpp), and Mesh applies the difference to the
// value before.
//
// In order: grants in force → rights (agent/access) → Permits → filter, WireGuard peers and paths
// (agent/mesh).
#pragma once

#include <map>
#include <set>
#include <string>

#include "proto/core/endpoint.hpp"
#include "proto/core/prefix.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/trust/statements/node.hpp"

namespace culvert::agent {

// A device may open flows to a service, and `peer` is the node at the other end of the tunnel. On a
// laptop the peer is the publisher of the service; on a site's agent it is the device.
struct Permit {
  IpAddress grantee;  // mesh address of the device
  Endpoint service;   // mesh address and port of the service
  crypto::WireGuardKey peer;
  friend auto operator<=>(const Permit&, const Permit&) = default;
};

struct Peer {
  trust::Node node;
  std::set<Prefix> allowed;  // addresses from which packets of the peer may come
  // False: another peer had the same relay key before. Then this peer is reached directly only.
  bool owns_relay = true;
};
using PeerSet = std::map<crypto::WireGuardKey, Peer>;

struct Permits {
  std::set<Permit> flows;
  PeerSet peers;
  // Why each permit of the previous value is no longer in `flows`: one line for the log of flows.
  std::map<Permit, std::string> ended;
  // On a laptop: some grant waits for its first use. Then Mesh tells the gate about openings of
  // connections and about the first data that answers them (Gate::opening(), Gate::answered()).
  bool unclaimed = false;
};

// What Mesh tells Access: publishers that have not answered lately, each with the time until which
// Access prefers other publishers of the same service.
using Silent = std::map<trust::IdentityKey, Instant>;

}  // namespace culvert::agent

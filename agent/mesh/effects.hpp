// What Mesh wants done: `events` in order, then the packets.
//
// Memory: the bytes of `datagrams` are valid until the Packets are cleared. The packets of `mesh`
// were opened in place: they lie in the bytes that the last call (handle_datagrams(),
// handle_relay_bytes()) was given, so use the packets before freeing those bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/mesh/batch.hpp"
#include "agent/terms/log_line.hpp"
#include "proto/core/prefix.hpp"
#include "proto/crypto/hash.hpp"
#include "proto/wireguard/output.hpp"

namespace culvert::agent {

// One outbound connection. `id` shows whether an event is of an old connection. Relays and the
// coordinator number their connections apart.
using ConnectionId = std::uint64_t;

// A relay of the coordinator's map. TLS pinned to the certificate's SHA-256, then HTTP Upgrade:
// DERP.
struct RelayTarget {
  std::string id;
  std::string host;
  std::uint16_t port = 0;
  std::optional<crypto::Hash> certificate_sha256;
  std::vector<Prefix> inside;  // private prefixes at which the relay may be (leads_inside())
};
struct OpenRelay {
  ConnectionId id = 0;
  RelayTarget relay;
};
struct FlushRelay {  // the core has DERP bytes for this relay: call Core::pull_relay()
  ConnectionId id = 0;
};
struct CloseRelay {
  ConnectionId id = 0;
};

// Abort at once the flows with this peer, or only those with this service, if it is set.
struct CutFlows {
  IpAddress peer;                   // mesh address of the other node; ignored on a laptop
  std::optional<Endpoint> service;  // the service's mesh address and port
  std::string reason;
};
struct ResolveStun {  // a name from the relay map; answered by Core::handle_stun_servers
  std::string host;
  std::uint16_t port = 0;
  std::vector<Prefix> inside;  // as in RelayTarget
};

using MeshEvent = std::variant<OpenRelay, FlushRelay, CloseRelay, CutFlows, ResolveStun, LogLine>;

struct Packets {
  wireguard::Output sealed;  // memory of most of `datagrams`; only for Mesh
  DatagramBatch datagrams;   // for UDP sockets: each way is a UdpWay
  PacketBatch mesh;          // opened, filtered packets for this node's stack

  bool empty() const { return datagrams.empty() && mesh.empty(); }
  void clear() {
    sealed.clear();
    datagrams.clear();
    mesh.clear();
  }
};

struct MeshEffects : Packets {
  std::vector<MeshEvent> events;

  void clear() {
    events.clear();
    Packets::clear();
  }
};

}  // namespace culvert::agent

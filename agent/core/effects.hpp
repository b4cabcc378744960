// The actions that the core wants its shell to do. After each call into the core, the shell drains
// the Effects and carries them out: first `events` in order, then the packets.
//
// Memory: the bytes of `datagrams` are valid until the Effects are cleared. The packets of `mesh`
// were opened in place: they lie in the bytes that the last call (handle_datagrams,
// handle_relay_bytes) was given, so use the packets before freeing those bytes.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "agent/core/batch.hpp"
#include "agent/terms/log_line.hpp"
#include "proto/core/prefix.hpp"
#include "proto/core/strong.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/wireguard/output.hpp"

namespace culvert::agent {

// One outbound connection to the coordinator. `id` shows whether an event is of an old connection.
using ConnectionId = std::uint64_t;
struct OpenControl {
  ConnectionId id = 0;
  std::string url;  // http or https, with the path /control/v1
};
struct SendControl {  // one WebSocket binary message
  ConnectionId id = 0;
  Bytes message;
};
struct CloseControl {
  ConnectionId id = 0;
};

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

// This agent's own mesh addresses. Removing an address aborts its connections.
struct AddAddress {
  IpAddress address;
};
struct RemoveAddress {
  IpAddress address;
};
// A service of this site agent: accept mesh connections and give them to the terminator.
struct ListenService {
  std::string fqdn;
  Endpoint endpoint;
  bool tls = false;
};
struct UnlistenService {
  std::string fqdn;
  Endpoint endpoint;
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
// A question to the customer's lease server, by POST; answered by Core::handle_lease_answer. A
// newer question replaces one that is under way.
struct AskLease {
  std::string url;  // path included
  std::string body;
};

using Effect = std::variant<OpenControl, SendControl, CloseControl, OpenRelay, FlushRelay,
                            CloseRelay, AddAddress, RemoveAddress, ListenService, UnlistenService,
                            CutFlows, ResolveStun, AskLease, LogLine>;

struct Effects {
  std::vector<Effect> events;
  wireguard::Output sealed;  // memory of most of `datagrams`; only for the core
  DatagramBatch datagrams;   // for UDP sockets: each way is a UdpWay
  PacketBatch mesh;          // opened, filtered packets for this node's stack

  bool empty() const { return events.empty() && datagrams.empty() && mesh.empty(); }
  void clear() {
    events.clear();
    sealed.clear();
    datagrams.clear();
    mesh.clear();
  }
};

}  // namespace culvert::agent

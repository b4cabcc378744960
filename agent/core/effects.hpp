// What the core asks of its shell. The shell drains Effects after each call into the core: first
// `events` in order, then the packets.
//
// Whose memory: `datagrams` lie in the Effects, until they are cleared. `mesh` packets lie where
// they were opened, in the bytes that the last call (handle_datagrams, handle_relay_bytes) was
// given: they are used before those bytes go.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "agent/core/batch.hpp"
#include "proto/core/prefix.hpp"
#include "proto/core/strong.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/wireguard/output.hpp"

namespace culvert::agent {

// One outbound connection to the coordinator; `id` tells a late event of an old one apart.
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
  std::vector<Prefix> inside;  // where the relay may stand although leads_inside() says no
};
struct OpenRelay {
  ConnectionId id = 0;
  RelayTarget relay;
};
struct FlushRelay {  // it has DERP bytes for its relay: Core::pull_relay()
  ConnectionId id = 0;
};
struct CloseRelay {
  ConnectionId id = 0;
};

// This agent's own mesh addresses; removing one aborts what runs on it.
struct AddAddress {
  IpAddress address;
};
struct RemoveAddress {
  IpAddress address;
};
// A service that this site agent answers for: accept mesh connections and hand them to the
// terminator.
struct ListenService {
  std::string fqdn;
  Endpoint endpoint;
  bool tls = false;
};
struct UnlistenService {
  std::string fqdn;
  Endpoint endpoint;
};
// Abort at once every flow with this peer (and, where set, only with this service).
struct CutFlows {
  IpAddress peer;                   // mesh address of the other node (site agent) …
  std::optional<Endpoint> service;  // … and of the service; on a laptop the service alone counts
  std::string reason;
};
struct ResolveStun {  // a name from the relay map; answered by Core::handle_stun_servers
  std::string host;
  std::uint16_t port = 0;
  std::vector<Prefix> inside;  // as RelayTarget's
};
// A question to the customer's lease server, by POST; answered by Core::handle_lease_answer. A
// newer one takes the place of one that is under way.
struct AskLease {
  std::string url;  // with its path
  std::string body;
};
enum class LogLevel { kDebug, kInfo, kWarning, kError };
struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string event;
  std::string detail;
};

using Effect = std::variant<OpenControl, SendControl, CloseControl, OpenRelay, FlushRelay,
                            CloseRelay, AddAddress, RemoveAddress, ListenService, UnlistenService,
                            CutFlows, ResolveStun, AskLease, LogLine>;

struct Effects {
  std::vector<Effect> events;
  wireguard::Output sealed;  // what most of `datagrams` refer to; the core's own
  PacketBatch datagrams;     // to UDP endpoints
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

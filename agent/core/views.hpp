// Requests of people and the local API to the core, and the views that they get.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/access/knowledge_view.hpp"
#include "agent/terms/done.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::agent {

struct RequestOptions {
  std::string service;  // FQDN; a grant is for one service
  std::string reason;
  std::chrono::seconds duration{};            // from the first use
  std::optional<std::chrono::seconds> claim;  // wait for the first use; nothing: the policy's
  std::optional<WallTime> start;              // a scheduled start; nothing: now
};

struct RequestView {  // one grant note, from its request to its end
  std::string grant;  // ULID of the grant
  std::string site;
  std::string requester;
  std::string service;
  std::string reason;
  std::string state;  // PENDING (vendor, customer), APPROVED, ACTIVE, EXPIRED, REVOKED, DENIED, …
  std::size_t vendor_missing = 0, customer_missing = 0;  // approvals, while they are known
  std::optional<WallTime> ends;                          // unclaimed: the latest end
  std::optional<WallTime> claim_by;                      // unclaimed: when the grant ends unused
  std::chrono::seconds duration{};  // how long the grant lasts from its first use
  std::string note;                 // the signed text
};

// A service that this agent may use now (laptop), or publishes (site agent).
struct ServiceView {
  std::string fqdn;
  std::string site;
  std::string protocol;   // tls, tcp
  Endpoint endpoint;      // the service's mesh address and port
  std::string publisher;  // name of the node that publishes the service
  std::string grant;
  std::optional<WallTime> ends;      // unclaimed: the latest end
  std::optional<WallTime> claim_by;  // unclaimed: when the grant ends unused
  std::chrono::seconds duration{};   // unclaimed: how long it lasts from its first use
  Bytes issuer;          // certificate (DER) of its publisher's server issuer, for protocol tls
  bool ready = false;    // there is a way to its publisher: a relay, or a direct path
  bool stopped = false;  // the publisher's agent said that it stops, and has not come back
};

enum class PathKind { kNone, kRelay, kDirect };

struct PeerView {
  std::string name;
  std::string identity;  // ed25519:…
  IpAddress address;
  PathKind path = PathKind::kNone;
  std::optional<Endpoint> endpoint;  // of the direct path
  std::string relay;                 // the peer's home relay; empty: none
  std::optional<Duration> latency;
  std::optional<Duration> handshake_age;
  bool stopped = false;  // its agent said that it stops, and has not come back
  std::uint64_t bytes_in = 0, bytes_out = 0;
};

struct StatusView {
  std::string role;  // site, device
  std::string name;
  std::string identity;
  std::string person;  // only of a device
  std::string site;    // only of a site agent
  IpAddress address;
  std::string coordinator;  // URL
  bool coordinator_connected = false;
  std::string coordinator_error;        // the last one, empty when connected
  bool admitted = false;                // the node statement is in force
  std::optional<RevokedView> revoked;   // nothing: no revocation of this node is known here
  std::string home_relay, relay_error;  // the last error, empty when connected
  bool relay_connected = false, locked = false;
  bool forked = false;  // a root has two texts for its newest epoch: nothing new is granted
  bool clock_ok = true;
  bool audit_ok = true;
  bool lease_fresh = false;  // of the agent's site; on a laptop: of every site in use
  std::uint64_t root_epoch = 0, policy_serial = 0;
  std::size_t live_grants = 0;
  std::uint64_t refused_packets = 0;
  std::string lease_error;  // of the customer's lease server; empty: no error, or no such server
  std::vector<EndView> ends;
  std::optional<DocumentsView> documents;  // nothing: no folder is configured
  std::vector<PeerView> peers;
};

struct PingResult {
  std::string peer;
  PathKind path = PathKind::kNone;
  std::string via;  // endpoint or relay
  Duration round_trip{};
};

// What the terminator learns about a flow that may open.
struct FlowContext {
  std::string person;
  std::string grant;
  std::string device;  // ed25519:…
  WallTime ends;
  std::uint64_t audit = 0;   // index of the flow-open entry in this agent's log
  std::uint64_t member = 0;  // number among the flows that the entry announced; 0: own entry
};

}  // namespace culvert::agent

// The views that the local API and the shell get of the agent, from Access and Mesh together.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/access/knowledge_view.hpp"
#include "agent/access/views.hpp"
#include "agent/mesh/views.hpp"
#include "agent/terms/role.hpp"

namespace culvert::agent {

// A service that this agent may use now (laptop), or publishes (site agent).
struct ServiceView {
  std::string fqdn;
  std::string site;
  std::string protocol;   // the policy's label: tls, tcp
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

struct StatusView {
  Role role = Role::kDevice;
  std::string name;
  std::string identity;
  std::string person;  // only of a device
  std::string site;    // only of a site agent
  IpAddress address;
  std::string coordinator;  // URL
  bool coordinator_connected = false;
  std::optional<std::string> coordinator_error;  // the last one; nothing: connected
  bool admitted = false;                         // the node statement is in force
  std::optional<RevokedView> revoked;      // nothing: no revocation of this node is known here
  std::string home_relay;                  // empty: no relay is connected
  std::optional<std::string> relay_error;  // the last one; nothing: connected
  bool relay_connected = false, locked = false;
  bool forked = false;  // a root has two texts for its newest epoch: nothing new is granted
  bool clock_ok = true;
  bool audit_ok = true;
  bool lease_fresh = false;  // of the agent's site; on a laptop: of every site in use
  std::uint64_t root_epoch = 0, policy_serial = 0;
  std::size_t live_grants = 0;
  std::uint64_t refused_packets = 0;
  // Of the customer's lease server; nothing: no error, or no site in use wants such leases.
  std::optional<std::string> lease_error;
  std::vector<EndView> ends;
  std::optional<DocumentsView> documents;  // nothing: no folder is configured
  std::vector<PeerView> peers;
};

struct CoreCounters : MeshCounters {
  std::size_t rights = 0;  // now: grants in force here
};

}  // namespace culvert::agent

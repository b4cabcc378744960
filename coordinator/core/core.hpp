// The coordinator without I/O: connections, messages and time in, effects out. It stores
// statements, merges their signature lines, tells each node what concerns it, and signs leases and
// tickets. Nobody trusts the coordinator. It verifies statements only so that it stores no rubbish.
//
// Who hears what
//   any node         the vendor root chain, and the node's own statement
//   site agent       also the statement, root chain and policy of its site; the node and enrolment
//                    statements of the site's agents; approved grants of services that the agent
//                    publishes, with the device's statement; revocations of those
//   device           also its own grants, pending ones too; for each approved grant the site, root
//                    chain, policy, and the publishers' node, enrolment and service statements;
//                    revocations of those
//   proven approver  what the approver may decide on, when asked (list)
// Everyone else gets nothing. The answer to a question about something hidden is the same as if the
// thing did not exist.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/store/store.hpp"
#include "proto/control/message.hpp"
#include "proto/control/noise.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/strong.hpp"
#include "proto/core/time.hpp"
#include "proto/trust/register/expiry.hpp"
#include "proto/trust/register/store_clock.hpp"

namespace culvert::coordinator {

using ConnectionId = Strong<struct ConnectionIdTag, std::uint64_t>;

struct CoreOptions {
  control::noise::KeyPair control;
  crypto::SigningKey lease;
  crypto::SigningKey ticket;
  std::vector<control::RelayInfo> relays;
  trust::BootId boot = {};  // this boot of the machine, for the store's clock; zero: unknown
};

struct SendTo {
  ConnectionId connection;
  Bytes record;  // one WebSocket binary message
};
struct CloseIt {
  ConnectionId connection;  // close after everything sent before
};
using Effect = std::variant<SendTo, CloseIt>;

struct Counters {
  std::uint64_t connections = 0;      // now
  std::uint64_t nodes_connected = 0;  // now
  std::uint64_t notes = 0;            // stored now
  std::uint64_t refused_connections = 0;
  std::uint64_t malformed = 0;  // records or messages
  std::uint64_t refused_statements = 0;
  std::uint64_t leases = 0;
  std::uint64_t tickets = 0;
  std::uint64_t store_failures = 0;
  std::uint64_t refused_rates = 0;    // messages beyond a sender's rate
  std::uint64_t new_agents = 0;       // new identities of agents
  std::uint64_t unproven = 0;         // now: connections without a proof or a node
  std::uint64_t waiting_devices = 0;  // now
  bool takes_statements = true;       // false: the store takes revocations at most
  bool leases_stopped = false;        // now: a revocation would not be durable
};

class Core {
 public:
  // The store must outlive the core.
  Core(CoreOptions options, Store& store, Rng& rng);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status load(Now now);    // at start: reads and verifies the whole store
  Status reload(Now now);  // after another process has changed the store

  void handle_opened(Now now, ConnectionId connection, std::string from);
  void handle_message(Now now, ConnectionId connection, ByteView record);
  void handle_closed(Now now, ConnectionId connection);
  // True: the peer has proven a key or is an admitted node.
  bool knows(Now now, ConnectionId connection) const;
  void handle_timeout(Now now);
  Instant next_deadline() const;

  std::vector<Effect> take_effects();
  Counters counters() const;
  // When the vendor's root and each site's root and policy expire, for /metrics.
  std::vector<trust::Expiry> endings() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::coordinator

// The core's inside: core.cpp (connections), hello.cpp, statements.cpp (put), questions.cpp.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/core/audience.hpp"
#include "coordinator/core/connection.hpp"
#include "coordinator/core/core.hpp"
#include "coordinator/core/states.hpp"
#include "coordinator/core/views.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kMaxConnections = 4096;     // full: the oldest stranger makes room
inline constexpr std::size_t kMaxConnectedLines = 8192;  // then those that are over are forgotten
inline constexpr std::size_t kMaxWaitingDevices = 256;   // full: the oldest makes room
inline constexpr std::size_t kMaxOpenRequests = 16;      // of one device; further ones are refused
inline constexpr std::size_t kMaxProofs = 8;             // on one connection
inline constexpr std::size_t kMaxReplyBytes = 768U << 10U;
inline constexpr Duration kHelloTimeout = 10s;
inline constexpr Duration kSilence = 24s;  // clients ping every 10 s
inline constexpr Duration kSweep = 1s;     // so one that has vanished is noticed within 25 s
inline constexpr Duration kStoreRetry = 1s;
inline constexpr Duration kLeastRefresh = 50ms;  // between two that time alone causes
inline constexpr std::chrono::seconds kTicketLife{600};
inline constexpr std::chrono::seconds kQuietConnect{600};  // between two audit lines for one node

struct Core::Impl {
  Impl(CoreOptions options, Store& store, Rng& rng);

  // core.cpp
  void receive(Now now, ConnectionId id, ByteView record);
  void process(Now now, ConnectionId id, control::Message message);
  void send(ConnectionId id, const control::Message& message);
  void refuse(ConnectionId id, const Error& why);  // says why, then closes
  void close(ConnectionId id);
  void make_room(Now now);
  bool stranger(Now now, const Connection& connection) const;  // neither admitted nor a proven key
  void journal_connected(Now now, const Connection& connection, const trust::Node& node);
  Status settle(Now now);  // makes what changed durable
  void refresh(Now now);   // works out who hears what, and tells
  Status load(Now now);

  // hello.cpp: an error ends the connection
  Status greet(Now now, ConnectionId id, const control::Hello& hello);
  Result<trust::Node> identify(Now now, const Connection& connection, const control::Hello& hello);
  Status enrol(Now now, const note::Note& note, const trust::Node& node,
               const std::optional<std::string>& enrolment);
  Status wait_for_admission(Now now, const note::Note& note, const trust::Node& node);
  bool admitted(Now now, const trust::Node& node) const;
  Result<control::Message> prove(Connection& connection, const control::Prove& prove);
  Sight sight(const Connection& connection) const;

  // statements.cpp
  Result<control::Message> put(Now now, const Connection& connection, const control::Put& put);
  Status put_one(Now now, const Connection& connection, std::string_view text);
  Status check_new_request(Now now, const Connection& connection, const note::Note& note) const;
  void journal(Now now, audit::Kind kind, std::string who, const trust::Grant* grant,
               std::string_view outcome, std::string_view detail);
  std::string signer_of(const note::Note& note, const trust::Change& change,
                        const trust::Grant* grant) const;
  void journal_change(Now now, const Connection& connection, const trust::Change& change,
                      const trust::RequestState& before);

  // questions.cpp
  Result<control::Message> site_info(Now now, const Connection&, const control::SiteInfo&) const;
  Result<control::Message> lease(Now now, const Connection&, const control::LeaseRequest&);
  Result<control::Message> ticket(Now now, const Connection&, const control::TicketRequest&);
  Result<control::Message> list(Now now, const Connection&, const control::List&) const;
  Result<control::Message> list_states(Now now, const Sight& sees, const control::List&) const;
  Result<control::Message> upload(Now now, const Connection&, const control::AuditUpload&);
  Result<control::Message> query(const Connection&, const control::AuditQuery&) const;

  CoreOptions options_;
  Store& store_;
  Rng& rng_;
  std::string run_;
  Ledger ledger_;
  std::optional<Audience> audience_;
  Views views_;
  std::map<ConnectionId, Connection> connections_;
  std::map<trust::IdentityKey, ConnectionId> nodes_;  // the one connection of each node
  std::map<trust::IdentityKey, Waiting> waiting_;
  States states_;
  std::uint64_t arrivals_ = 0;
  std::set<std::pair<trust::IdentityKey, trust::GrantId>> leased_;  // has an audit line
  std::map<trust::IdentityKey, WallTime> connected_lines_;
  bool changed_ = false;  // statements or nodes: refresh() is due
  bool broken_ = false;   // the store failed: load() before anything else
  Instant next_sweep_ = Instant::never();
  Instant next_change_ = Instant::never();
  Instant retry_load_{};
  std::vector<Effect> effects_;
  Counters counters_;
};

}  // namespace culvert::coordinator

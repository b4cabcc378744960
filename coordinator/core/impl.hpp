// The inside of Core: its connections, logins, statements, questions and lists.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/core/audience.hpp"
#include "coordinator/core/audit.hpp"
#include "coordinator/core/connection.hpp"
#include "coordinator/core/core.hpp"
#include "coordinator/core/journal.hpp"
#include "coordinator/core/limits.hpp"
#include "coordinator/core/login_bytes.hpp"
#include "coordinator/core/pages.hpp"
#include "coordinator/core/rates.hpp"
#include "coordinator/core/rooms.hpp"
#include "coordinator/core/states.hpp"
#include "coordinator/core/views.hpp"

namespace culvert::coordinator {

struct Core::Impl {
  Impl(CoreOptions options, Store& store, Rng& rng);
  // core.cpp, arrivals.cpp
  void opened(Now now, ConnectionId id, std::string from);
  void receive(Now now, ConnectionId id, ByteView record);
  void wait_for_turn(ConnectionId id, Connection& connection, ByteView record);
  void log_in(Now now);  // takes up some of the waiting logins
  void take_from_backlog(Now now, ConnectionId id);
  void greeted(ConnectionId id, Connection& connection);
  void take(Now now, ConnectionId id, ByteView record);
  void process(Now now, ConnectionId id, control::Message message);
  void send(ConnectionId id, const control::Message& message);
  void refuse(ConnectionId id, const Error& why);  // sends the error, then closes
  void close(ConnectionId id);
  void enter(Room room, const std::string& owner, ConnectionId id);
  std::string charged_to(Now now, const Connection& connection) const;
  Status afford(Now now, const Connection& connection, const control::Message& message);
  Status settle(Now now);   // makes all changes durable
  void try_store(Now now);  // after a failure: tries a write
  Status writable() const;  // error: the store takes revocations only
  void refresh(Now now);    // works out all views, sends the changes
  Status load(Now now);

  // hello.cpp: an error ends the connection
  Status greet(Now now, ConnectionId id, const control::Hello& hello);
  Result<trust::Node> identify(Now now, const Connection& connection, const control::Hello& hello);
  Status enrol(Now now, const note::Note& note, const trust::Node& node,
               const std::optional<std::string>& enrolment);
  Status wait_for_admission(Now now, const Connection& connection, const note::Note& note,
                            const trust::Node& node);
  void no_longer_waits(const trust::IdentityKey& device);
  void enter_if_admitted(Now now, const trust::Node& node);
  void wait(const std::string& source, const note::Note& note, const trust::Node& node);
  control::Welcome welcome(Now now, const trust::Node& node, const control::Hello& hello);
  bool admitted(Now now, const trust::Node& node) const;
  Result<control::Message> prove(ConnectionId id, const control::Prove& prove);
  Sight sight(const Connection& connection) const;

  // statements.cpp
  Result<control::Message> put(Now now, const Connection& connection, const control::Put& put);
  Status put_one(Now now, const Connection& connection, std::string_view text);
  Result<control::Message> offer(Now now, const Connection& connection, const control::Offer&);
  Status check_new_request(Now now, const Connection& connection, const note::Note& note);
  Status may_renew(Now now, const note::Note& next, const trust::IdentityKey& identity);
  void new_agent_came(Now now, const trust::Node& node);
  void refuse_agent(Now now, const trust::Node& node, const Error& why);

  // questions.cpp, lists.cpp
  Result<control::Message> site_info(Now now, const Connection&, const control::SiteInfo&) const;
  Result<control::Message> lease(Now now, const Connection&, const control::LeaseRequest&);
  Result<control::Message> ticket(Now now, const Connection&, const control::TicketRequest&);
  Status lease_allowed(Now now, const trust::SiteRef& site) const;
  Result<control::Message> list(Now now, const Connection&, const control::List&) const;
  void list_devices(Now now, const control::List&, Pages& pages) const;
  void list_nodes(Now now, const Sight& sees, const control::List&, Pages& pages) const;
  void list_requests(Now now, const Sight& sees, const control::List&, Pages& pages) const;
  void list_states(Now now, const Sight& sees, const control::List& question, Pages& pages) const;
  Result<control::Message> upload(Now now, Connection&, const control::AuditUpload&);
  Result<control::Message> query(const Connection&, const control::AuditQuery&) const;

  CoreOptions options_;
  Store& store_;
  Rng& rng_;
  std::string run_;
  Ledger ledger_;
  Journal journal_{ledger_};
  std::optional<Audience> audience_;
  Views views_;
  std::map<ConnectionId, Connection> connections_;
  Rooms rooms_;
  std::vector<ConnectionId> logins_;  // connections with waiting records, the newest last
  LoginBytes login_bytes_;
  Buckets rates_;
  std::map<trust::IdentityKey, ConnectionId> nodes_;  // each node's one connection
  std::map<trust::IdentityKey, Waiting> waiting_;
  Pool<trust::IdentityKey> waiting_by_source_;
  States states_;
  std::set<std::pair<trust::IdentityKey, trust::GrantId>> leased_;  // leases with an audit line
  AuditQuota audit_quota_;
  bool changed_ = false;                     // statements or nodes changed: refresh() is due
  bool broken_ = false;                      // the store failed: load() before anything else
  std::optional<Error> full_;                // why the store takes revocations only
  bool revocation_lost_ = false;             // until the next write that succeeds
  std::uint64_t position_ = 0;               // of the store
  std::optional<std::uint64_t> started_at_;  // the store's position at the start
  Instant started_{};
  std::map<trust::SiteId, bool> offering_;  // sites that know more than the store; true: offered
  Instant next_sweep_ = Instant::never();
  Instant next_change_ = Instant::never();
  Instant retry_load_{}, retry_store_ = Instant::never();
  std::vector<Effect> effects_;
  Counters counters_;
};

}  // namespace culvert::coordinator

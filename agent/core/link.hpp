// The link to the coordinator: one connection, which carries signed notes both ways. What the
// coordinator says goes to Access, which verifies it; the link believes nothing.
//
// In: handle_message() → control::Client → pump(): statements and leases to Access, tickets to
// Mesh. Out: report(): notes and questions of Access, tickets, audit entries (Journal), this
// agent's state, revocations that the coordinator has lost (Offers) → control::Client → pump() →
// effects.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/access/access.hpp"
#include "agent/core/effects.hpp"
#include "agent/core/relay_choice.hpp"
#include "agent/mesh/mesh.hpp"
#include "proto/control/client.hpp"

namespace culvert::agent {

class CoordinatorLink {
 public:
  using Answer = std::function<void(Now, const Result<control::Reply>&)>;

  // The referenced objects outlive the link.
  CoordinatorLink(Access& access, Mesh& mesh, RelayChoice& relays, Rng& rng, Now now)
      : access_(access), mesh_(mesh), relays_(relays), rng_(rng), state_at_(now.steady) {}

  void start(Now now);       // no effect when no coordinator is known
  void begin_anew(Now now);  // closes an open connection and opens the next one
  bool connected() const { return client_ && client_->connected(); }
  const std::string& url() const { return url_; }  // empty: no coordinator is known
  // Why the last connection ended; nothing: connected, or never tried.
  const std::optional<std::string>& error() const { return error_; }

  // Questions. `answer` is called once, later, unless the question fails here. kUnavailable: no
  // coordinator is known; kExhausted: too many questions wait.
  Status put(const note::Note& note, Answer answer);  // kept until the coordinator answers
  Status site_info(const std::string& fqdn, Answer answer);

  void handle_open(Now now, ConnectionId id);
  void handle_message(Now now, ConnectionId id, ByteView message);
  void handle_closed(Now now, ConnectionId id, const std::string& reason);
  void handle_timeout(Now now);
  Instant next_deadline() const;

  void pump(Now now);    // carries what the client has put out, both ways
  void report(Now now);  // hands to the client what this agent has to say
  std::vector<LinkEvent> take_events() { return std::exchange(events_, {}); }

 private:
  // link.cpp
  void on_event(Now now, control::Event event);
  void on_connected(Now now, control::Connected connected);
  void on_lease(Now now, const control::Leased& leased);
  void on_ticket(Now now, control::Ticketed ticketed);
  void on_answer(Now now, const control::Answered& answered);
  Status ask(Result<control::RequestId> id, Answer answer);
  bool is_current(ConnectionId id) const { return client_ && id == connection_; }
  void log(LogLevel level, std::string event, std::string detail = {});
  // reports.cpp
  void carry_outbox();
  void ask_tickets(Now now);
  void upload(Now now);
  void uploaded(Now now, std::uint64_t end, const Result<control::Reply>& reply);
  void offer_revocations(Now now);
  bool may_say_state() const;
  void say_state(Now now);

  Access& access_;
  Mesh& mesh_;
  RelayChoice& relays_;
  Rng& rng_;
  std::unique_ptr<control::Client> client_;  // null: no coordinator is known
  std::string url_;
  ConnectionId connection_ = 0;  // the present connection; 0: none
  ConnectionId last_connection_ = 0;
  std::optional<std::string> error_;
  bool error_logged_ = false;  // since the last connection
  std::map<control::RequestId, Answer> asked_;
  std::vector<note::Note> learned_;  // statements of the delta that is under way
  Instant upload_at_;                // no upload before this time
  trust::SiteState state_said_;      // the state that was sent last
  Instant state_sent_;               // when `state_said_` was sent
  Instant state_at_;                 // when this agent's state is sent next
  std::vector<LinkEvent> events_;
};

}  // namespace culvert::agent

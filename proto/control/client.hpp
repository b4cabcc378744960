// A control connection that keeps itself alive, for agents and for one-shot use by the CLI.
// Sans-I/O: the owner carries out the outputs (open one WebSocket to the coordinator, send a
// record, close), reports what happens to the connection, and drains poll_output() and poll_event()
// after every call.
//
//   stopped ── start ──▶ opening ── handle_opened ──▶ handshake ── welcome ──▶ connected
//               waiting (backoff) ◀── closed, refused, kConnectTimeout, kDeadAfter ──┘
//
// proto/core/backoff.hpp says how long the client waits between attempts. The client keeps puts,
// uploads and questions until they are answered and sends them again after a reconnect, since all
// of these are idempotent. Beyond kMaxPending or kMaxPendingBytes, a further one is refused
// (kExhausted). Lease and ticket requests are not kept.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/control/channel.hpp"
#include "proto/control/events.hpp"
#include "proto/control/message.hpp"
#include "proto/core/backoff.hpp"
#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"

namespace culvert::control {

inline constexpr Duration kKeepalive = 10s;       // pings after so long without sending
inline constexpr Duration kDeadAfter = 24s;       // closes after so long without a record
inline constexpr Duration kConnectTimeout = 10s;  // from open to welcome
inline constexpr std::size_t kMaxPending = 256;
inline constexpr std::size_t kMaxPendingBytes = std::size_t{2} << 20U;
inline constexpr std::size_t kMaxView = 4096;  // notes in this client's view

struct ClientOptions {
  noise::KeyPair key;              // a node's control key, or an ephemeral one for persons
  crypto::ControlKey coordinator;  // from the vendor root or the token
  std::vector<crypto::SigningKey> proofs = {};  // persons: keys to prove after every welcome
};

class Client {
 public:
  Client(ClientOptions options, Rng& rng);

  void start(Instant now);
  void stop();  // closes; no retry
  // Sets the node statement and enrolment of the next hello. When connected, a changed node
  // statement goes out at once as a put.
  void set_node(std::string node_note, std::optional<std::string> enrolment_note);

  Result<RequestId> put(std::vector<std::string> notes);
  Result<RequestId> site_info(std::string fqdn);
  Result<RequestId> list(ListWhat what, std::optional<std::string> site, std::string page = {});
  Result<RequestId> offer(std::vector<NoteId> ids, std::vector<std::string> notes);
  Result<RequestId> upload_audit(std::uint64_t first, std::vector<std::string> entries);
  Result<RequestId> query_audit(std::optional<std::string> site, std::uint64_t before);
  // kUnavailable unless connected.
  Result<RequestId> request_lease(const crypto::Hash& site, const Nonce& nonce,
                                  std::vector<std::string> grants);
  Result<RequestId> request_ticket(std::string relay);

  void handle_opened(Instant now);
  void handle_message(Instant now, ByteView record);  // one WebSocket binary message
  void handle_closed(Instant now, const Error& why);  // also when it could not be opened
  void handle_timeout(Instant now);
  Instant next_deadline() const;

  std::optional<Output> poll_output();
  std::optional<Event> poll_event();
  bool connected() const { return state_ == State::kConnected; }

 private:
  enum class State { kStopped, kWaiting, kOpening, kHandshake, kConnected };
  struct Asked {  // requests that end with the connection
    enum class What { kLease, kTicket, kProof } what = What::kLease;
    std::string relay;
  };

  void open(Instant now);
  void lose(Instant now, const Error& why);
  Result<RequestId> keep(RequestId id, const Message& message);
  Result<RequestId> ask(RequestId id, const Message& message, Asked asked);
  void send(std::string_view json);
  Status take(Message message);
  Status take_delta(Delta delta);
  Status apply(const Delta& step);
  void welcomed(Welcome welcome);
  void answered(RequestId re, Result<Reply> reply);
  void note_came(RequestId re, Asked::What what, std::string note);
  void settle(RequestId re, const Asked& asked, Result<std::string> note);

  ClientOptions options_;
  Rng& rng_;
  State state_ = State::kStopped;
  std::optional<Channel> channel_;  // while a connection is open
  std::optional<std::string> node_;
  std::optional<std::string> enrolment_;
  std::string run_;
  std::uint64_t seq_ = 0;
  std::uint64_t stored_ = 0;                  // the last known position of the coordinator's store
  std::map<NoteId, crypto::Hash> view_;       // the view → hash of the note with its signatures
  std::optional<Delta> step_;                 // the parts of a delta so far
  std::map<RequestId, std::string> pending_;  // JSON of messages without an answer
  std::size_t pending_bytes_ = 0;
  std::map<RequestId, Asked> asked_;
  RequestId last_id_ = 0;
  Backoff backoff_;
  Instant now_{};  // the time that the latest call passed
  Instant retry_at_ = Instant::never();
  Instant opened_at_{}, welcomed_at_{}, heard_at_{}, sent_at_{};
  std::deque<Output> outputs_;
  std::deque<Event> events_;
};

}  // namespace culvert::control

// A control connection that keeps itself alive, for agents and for one-shot use by the CLI.
// Sans-I/O: the owner opens one WebSocket to the coordinator when told to, passes on what happens,
// and drains poll_output() and poll_event() after every call.
//
//   stopped ── start ──▶ opening ── handle_opened ──▶ handshake ── welcome ──▶ connected
//               waiting (backoff) ◀── closed, refused, kConnectTimeout, kDeadAfter ──┘
//
// How long it waits between attempts: proto/core/backoff.hpp. Puts, uploads and questions are kept
// until answered, at most kMaxPending and kMaxPendingBytes (then refused: kExhausted), and sent
// again after a reconnect: all are idempotent. Lease and ticket requests are not kept.
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

inline constexpr Duration kKeepalive = 10s;       // a ping when nothing was sent for so long
inline constexpr Duration kDeadAfter = 24s;       // nothing heard for so long: closed
inline constexpr Duration kConnectTimeout = 10s;  // from open to welcome
inline constexpr std::size_t kMaxPending = 256;
inline constexpr std::size_t kMaxPendingBytes = std::size_t{2} << 20U;
inline constexpr std::size_t kMaxView = 4096;  // notes that the coordinator says concern us

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
  // What hello says. A changed node statement goes out at once, by a put when connected.
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
  void handle_closed(Instant now, const Error& why);  // also: could not be opened
  void handle_timeout(Instant now);
  Instant next_deadline() const;

  std::optional<Output> poll_output();
  std::optional<Event> poll_event();
  bool connected() const { return state_ == State::kConnected; }

 private:
  enum class State { kStopped, kWaiting, kOpening, kHandshake, kConnected };
  struct Asked {  // on this connection, not kept beyond it
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
  std::uint64_t stored_ = 0;  // the position of the coordinator's store that it told last
  std::map<NoteId, crypto::Hash> view_;  // what concerns us → hash of the note with its signatures
  std::optional<Delta> step_;            // the parts of a delta so far
  std::map<RequestId, std::string> pending_;  // JSON of what is kept until answered
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

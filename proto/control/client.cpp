#include "proto/control/client.hpp"

#include <algorithm>
#include <utility>

namespace culvert::control {
namespace {

Error lost(std::string what) { return {ErrorCode::kUnavailable, std::move(what)}; }

}  // namespace

Client::Client(ClientOptions options, Rng& rng) : options_(std::move(options)), rng_(rng) {}

void Client::start(Instant now) {
  now_ = now;
  if (state_ != State::kStopped) return;
  backoff_.begin(now);
  open(now);
}

void Client::stop() {
  if (state_ == State::kStopped) return;
  lose(now_, lost("stopped"));
  state_ = State::kStopped;
  retry_at_ = Instant::never();
  if (auto* event = std::get_if<Disconnected>(&events_.back())) event->retry_at = retry_at_;
}

void Client::set_node(std::string node_note, std::optional<std::string> enrolment_note) {
  const bool changed = node_ != node_note;
  node_ = std::move(node_note);
  enrolment_ = std::move(enrolment_note);
  if (changed && connected()) {
    // If too much is pending, the put is dropped: the next hello has the statement.
    (void)put({*node_});
  }
}

Result<RequestId> Client::put(std::vector<std::string> notes) {
  const auto id = ++last_id_;
  return keep(id, Put{id, std::move(notes)});
}
Result<RequestId> Client::site_info(std::string fqdn) {
  const auto id = ++last_id_;
  return keep(id, SiteInfo{id, std::move(fqdn)});
}
Result<RequestId> Client::list(ListWhat what, std::optional<std::string> site, std::string page) {
  const auto id = ++last_id_;
  return keep(id, List{id, what, std::move(site), std::move(page)});
}
Result<RequestId> Client::offer(std::vector<NoteId> ids, std::vector<std::string> notes) {
  const auto id = ++last_id_;
  return keep(id, Offer{id, std::move(ids), std::move(notes)});
}
Result<RequestId> Client::upload_audit(std::uint64_t first, std::vector<std::string> entries) {
  const auto id = ++last_id_;
  return keep(id, AuditUpload{id, first, std::move(entries)});
}
Result<RequestId> Client::query_audit(std::optional<std::string> site, std::uint64_t before) {
  const auto id = ++last_id_;
  return keep(id, AuditQuery{id, std::move(site), before});
}
Result<RequestId> Client::request_lease(const crypto::Hash& site, const Nonce& nonce,
                                        std::vector<std::string> grants) {
  const auto id = ++last_id_;
  return ask(id, LeaseRequest{id, site, nonce, std::move(grants)}, {Asked::What::kLease, {}});
}
Result<RequestId> Client::request_ticket(std::string relay) {
  const auto id = ++last_id_;
  return ask(id, TicketRequest{id, relay}, {Asked::What::kTicket, relay});
}

Result<RequestId> Client::keep(RequestId id, const Message& message) {
  auto json = encode(message);
  if (json.size() > kMaxMessage) {
    return fail(ErrorCode::kExhausted, "control message is too long");
  }
  if (pending_.size() >= kMaxPending || pending_bytes_ + json.size() > kMaxPendingBytes) {
    return fail(ErrorCode::kExhausted, "too much is waiting for the coordinator; try again later");
  }
  pending_bytes_ += json.size();
  const auto& kept = pending_.emplace(id, std::move(json)).first->second;
  if (connected()) send(kept);
  return id;
}

Result<RequestId> Client::ask(RequestId id, const Message& message, Asked asked) {
  if (!connected()) return fail(ErrorCode::kUnavailable, "the coordinator is not reachable now");
  if (asked_.size() >= kMaxPending) {
    return fail(ErrorCode::kExhausted, "too many questions are waiting for the coordinator");
  }
  asked_.emplace(id, std::move(asked));
  send(encode(message));
  return id;
}

void Client::open(Instant now) {
  state_ = State::kOpening;
  opened_at_ = now;
  outputs_.emplace_back(OpenConnection{});
}

void Client::handle_opened(Instant now) {
  now_ = now;
  if (state_ != State::kOpening) return;
  state_ = State::kHandshake;
  channel_ = Channel::initiator(options_.key.clone(), options_.coordinator, rng_);
  auto first = channel_->start();
  if (!first) return lose(now, first.error());
  outputs_.emplace_back(SendRecord{*std::move(first)});
}

void Client::handle_message(Instant now, ByteView record) {
  now_ = now;
  if (!channel_) return;
  heard_at_ = now;
  const bool was_ready = channel_->ready();
  auto received = channel_->receive(record);
  if (!received) return lose(now, received.error());
  if (!was_ready) return send(encode(Hello{{}, node_, enrolment_, run_, seq_, stored_}));
  if (!received->message) return;
  auto message = decode(*received->message);
  if (!message) return lose(now, message.error());
  if (auto taken = take(*std::move(message)); !taken) lose(now, taken.error());
}

void Client::handle_closed(Instant now, const Error& why) {
  now_ = now;
  if (state_ == State::kStopped || state_ == State::kWaiting) return;
  lose(now, why);
}

void Client::handle_timeout(Instant now) {
  now_ = now;
  if (next_deadline() > now) return;
  switch (state_) {
    case State::kStopped:
      return;
    case State::kWaiting:
      return open(now);
    case State::kOpening:
    case State::kHandshake:
      return lose(now, {ErrorCode::kTimeout, "the coordinator does not answer"});
    case State::kConnected:
      if (heard_at_ + kDeadAfter <= now) {
        return lose(now, {ErrorCode::kTimeout, "the coordinator fell silent"});
      }
      return send(encode(Ping{}));
  }
}

Instant Client::next_deadline() const {
  switch (state_) {
    case State::kStopped:
      break;
    case State::kWaiting:
      return retry_at_;
    case State::kOpening:
    case State::kHandshake:
      return opened_at_ + kConnectTimeout;
    case State::kConnected:
      return std::min(heard_at_ + kDeadAfter, sent_at_ + kKeepalive);
  }
  return Instant::never();
}

// Ends the connection, whatever its state, and waits for the next try.
void Client::lose(Instant now, const Error& why) {
  if (state_ == State::kConnected) backoff_.lost(now, now - welcomed_at_);
  outputs_.clear();  // the remaining outputs belong to the connection that ends
  if (state_ != State::kWaiting) outputs_.emplace_back(CloseConnection{});
  channel_.reset();
  step_.reset();
  state_ = State::kWaiting;
  retry_at_ = now + backoff_.next(now, rng_);
  for (const auto& [id, asked] : std::exchange(asked_, {})) {
    settle(id, asked, fail_with(lost("the connection to the coordinator was lost")));
  }
  events_.emplace_back(Disconnected{why, retry_at_});
}

void Client::send(std::string_view json) {
  auto records = channel_->seal(json);
  if (!records) return;  // the cipher's counter is used up; kDeadAfter ends the connection
  sent_at_ = now_;
  for (auto& record : *records) outputs_.emplace_back(SendRecord{std::move(record)});
}

std::optional<Output> Client::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  auto output = std::move(outputs_.front());
  outputs_.pop_front();
  return output;
}

std::optional<Event> Client::poll_event() {
  if (events_.empty()) return std::nullopt;
  auto event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace culvert::control

#include "coordinator/core/core.hpp"

#include <algorithm>
#include <utility>

#include "coordinator/core/impl.hpp"
#include "proto/core/overloaded.hpp"

namespace culvert::coordinator {
namespace {

std::string make_run(Rng& rng) { return to_hex(rng.array<8>()); }

control::RequestId id_of(const control::Message& message) {
  return std::visit(
      [](const auto& m) -> control::RequestId {
        if constexpr (requires { m.id; }) {
          return m.id;
        } else {
          return 0;
        }
      },
      message);
}

}  // namespace

Core::Core(CoreOptions options, Store& store, Rng& rng)
    : impl_(std::make_unique<Impl>(std::move(options), store, rng)) {}
Core::~Core() = default;

Core::Impl::Impl(CoreOptions options, Store& store, Rng& rng)
    : options_(std::move(options)),
      store_(store),
      rng_(rng),
      run_(make_run(rng)),
      ledger_(store, options_.boot) {}

Status Core::Impl::load(Now now) {
  auto loaded = ledger_.load(now);
  broken_ = !loaded.has_value();
  if (broken_) {
    ++counters_.store_failures;
    retry_load_ = now.steady + kStoreRetry;
    return loaded;
  }
  if (const auto position = ledger_.position()) position_ = *position;
  if (!started_at_) {
    started_at_ = position_;
    started_ = now.steady;
  }
  refresh(now);
  return {};
}

// Makes the changes of one message durable. If the store fails, none of the changes counts, and the
// ledger is read from the store again.
Status Core::Impl::settle(Now now) {
  if (!ledger_.uncommitted()) return {};
  const bool revoking = ledger_.revoking();
  auto committed = ledger_.commit_revocations();
  if (revoking) revocation_lost_ = !committed.has_value();
  // full_: the next successful write has them
  if (committed && !full_) committed = ledger_.commit();
  if (const auto position = ledger_.position()) position_ = *position;
  if (committed) return committed;
  ++counters_.store_failures;
  full_ = committed.error();
  retry_store_ = now.steady + kStoreRetry;
  (void)load(now);
  return committed;
}

// put() and enrol() ask this first. Otherwise each statement that meets a full disk would cost a
// read of the whole store.
Status Core::Impl::writable() const {
  if (!full_) return {};
  return fail(full_->code, "only revocations are taken now: " + full_->message);
}

void Core::Impl::refresh(Now now) {
  changed_ = false;
  ledger_.advance(now);
  audience_.emplace(ledger_, now);
  next_change_ = std::max(ledger_.evidence().next_change(now), now.steady + kLeastRefresh);
  counters_.notes = ledger_.size();
  const auto nodes = nodes_;  // a copy, since a failed send() closes a connection
  for (const auto& [identity, connection_id] : nodes) {
    const auto view = audience_->view_of(*connections_.at(connection_id).node);
    for (auto& delta : views_.update(identity, view, ledger_)) {
      delta.stored = position_;
      send(connection_id, std::move(delta));
    }
  }
}

void Core::Impl::send(ConnectionId id, const control::Message& message) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  auto records = found->second.channel.seal(control::encode(message));
  if (!records) return close(id);
  for (auto& record : *records) effects_.emplace_back(SendTo{id, std::move(record)});
}

void Core::Impl::refuse(ConnectionId id, const Error& why) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (found->second.channel.ready()) send(id, control::ErrorReply{0, why.code, why.message});
  close(id);
}

void Core::Impl::close(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (found->second.node) {
    const auto node = nodes_.find(found->second.node->identity);
    if (node != nodes_.end() && node->second == id) nodes_.erase(node);
  }
  login_bytes_.remove(id);
  rooms_.leave(id);
  connections_.erase(found);
  effects_.emplace_back(CloseIt{id});
}

void Core::Impl::take(Now now, ConnectionId id, ByteView record) {
  auto& connection = connections_.at(id);
  auto received = connection.channel.receive(record);
  if (!received) {
    ++counters_.malformed;
    return close(id);
  }
  if (received->answer) effects_.emplace_back(SendTo{id, *std::move(received->answer)});
  if (!received->message) return;
  auto message = control::decode(*received->message);
  if (!message) {
    ++counters_.malformed;
    return refuse(id, message.error());
  }
  process(now, id, *std::move(message));
}

void Core::Impl::process(Now now, ConnectionId id, control::Message message) {
  auto& connection = connections_.at(id);
  if (const auto* hello = std::get_if<control::Hello>(&message)) {
    if (auto greeted = greet(now, id, *hello); !greeted) {
      ++counters_.refused_connections;
      refuse(id, greeted.error());
    }
    return;
  }
  if (!connection.greeted) {
    ++counters_.malformed;
    return refuse(id, {ErrorCode::kInvalid, "the first message must be hello"});
  }
  if (broken_) {
    return send(id, control::ErrorReply{id_of(message), ErrorCode::kUnavailable,
                                        "the coordinator's store is not usable now"});
  }
  if (auto may = afford(now, connection, message); !may) {
    ++counters_.refused_rates;
    return send(id, control::ErrorReply{id_of(message), may.error().code, may.error().message});
  }
  const auto none = [](auto&) -> Result<control::Message> {
    return fail(ErrorCode::kInvalid, "a message that only a coordinator sends");
  };
  auto answer =
      std::visit(overloaded{
                     [&](control::Prove& m) { return prove(id, m); },
                     [&](control::Put& m) { return put(now, connection, m); },
                     [&](control::Offer& m) { return offer(now, connection, m); },
                     [&](control::SiteInfo& m) { return site_info(now, connection, m); },
                     [&](control::LeaseRequest& m) { return lease(now, connection, m); },
                     [&](control::TicketRequest& m) { return ticket(now, connection, m); },
                     [&](control::List& m) { return list(now, connection, m); },
                     [&](control::AuditUpload& m) { return upload(now, connection, m); },
                     [&](control::AuditQuery& m) { return query(connection, m); },
                     [](control::Ping&) -> Result<control::Message> { return control::Pong{}; },
                     none,
                 },
                 message);
  // Settles after an error, too: of several statements, those before the refused one stay.
  if (auto settled = settle(now); !settled) answer = fail_with(settled.error());
  if (answer) return send(id, *answer);
  send(id, control::ErrorReply{id_of(message), answer.error().code,
                               answer.error().message.substr(0, 400)});
}

Status Core::load(Now now) { return impl_->load(now); }
Status Core::reload(Now now) { return impl_->load(now); }

void Core::handle_opened(Now now, ConnectionId id, std::string from) {
  impl_->opened(now, id, std::move(from));
}

void Core::handle_message(Now now, ConnectionId id, ByteView record) {
  impl_->receive(now, id, record);
  if (impl_->changed_) impl_->refresh(now);
}

void Core::handle_closed(Now, ConnectionId id) {
  const auto before = impl_->effects_.size();
  impl_->close(id);
  // the shell knows that the connection is closed
  if (impl_->effects_.size() > before) impl_->effects_.pop_back();
}

bool Core::knows(Now, ConnectionId id) const {
  return impl_->connections_.contains(id) && !impl_->rooms_.has(Room::kUnproven, id);
}

void Core::handle_timeout(Now now) {
  if (impl_->broken_ && impl_->retry_load_ <= now.steady) (void)impl_->load(now);
  if (impl_->retry_store_ <= now.steady) impl_->try_store(now);
  impl_->log_in(now);
  if (!impl_->broken_ && impl_->next_change_ <= now.steady) {
    impl_->refresh(now);
    (void)impl_->settle(now);
  }
  if (impl_->next_sweep_ > now.steady) return;
  std::vector<ConnectionId> silent;
  for (const auto& [id, connection] : impl_->connections_) {
    const bool late = !connection.greeted && connection.opened + kHelloTimeout <= now.steady;
    if (late || connection.heard + kSilence <= now.steady) silent.push_back(id);
  }
  for (const auto id : silent) impl_->close(id);
  impl_->next_sweep_ = impl_->connections_.empty() ? Instant::never() : now.steady + kSweep;
}

Instant Core::next_deadline() const {
  if (!impl_->logins_.empty()) return {};  // at once
  const auto work = impl_->broken_ ? impl_->retry_load_ : impl_->next_change_;
  return std::min({work, impl_->next_sweep_, impl_->retry_store_});
}

std::vector<Effect> Core::take_effects() { return std::exchange(impl_->effects_, {}); }

Counters Core::counters() const {
  auto out = impl_->counters_;
  out.connections = impl_->connections_.size();
  out.nodes_connected = impl_->nodes_.size();
  out.unproven = impl_->rooms_.size(Room::kUnproven);
  out.waiting_devices = impl_->waiting_.size();
  out.takes_statements = !impl_->full_ && !impl_->broken_;
  out.leases_stopped = impl_->revocation_lost_ || !impl_->store_.can_revoke();
  return out;
}

}  // namespace culvert::coordinator

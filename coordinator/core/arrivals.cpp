// New connections: which room each one gets, whose login the loop takes up, and which peers ask too
// often. A record goes from here to take() in core.cpp.
#include <algorithm>

#include "coordinator/core/impl.hpp"
#include "proto/core/overloaded.hpp"

namespace culvert::coordinator {
namespace {

bool is_revocation(std::string_view text) { return text.starts_with(trust::Revocation::kType); }

}  // namespace

void Core::Impl::opened(Now now, ConnectionId id, std::string from) {
  auto channel = control::Channel::responder(options_.control.clone(), rng_);
  channel.limit(kMaxStrangerMessage);  // enter() lifts it
  auto source = source_of(from);
  enter(Room::kUnproven, source, id);
  connections_.emplace(id, Connection{std::move(channel), std::move(from), std::move(source),
                                      now.steady, now.steady});
  next_sweep_ = std::min(next_sweep_, now.steady + kSweep);
}

void Core::Impl::enter(Room room, const std::string& owner, ConnectionId id) {
  const auto known = connections_.find(id);
  if (room != Room::kUnproven && known != connections_.end()) {
    known->second.channel.limit(control::kMaxMessage);
  }
  const auto leaves = rooms_.enter(room, owner, id, rng_);
  if (!leaves) return;
  ++counters_.refused_connections;
  close(*leaves);
}

void Core::Impl::receive(Now now, ConnectionId id, ByteView record) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  found->second.heard = now.steady;
  if (found->second.greeted && found->second.backlog.empty()) return take(now, id, record);
  wait_for_turn(id, found->second, record);
}

// A login costs more than anything else that a stranger can ask for. So each login waits until the
// loop has a turn for logins.
void Core::Impl::wait_for_turn(ConnectionId id, Connection& connection, ByteView record) {
  login_bytes_.add(connection.source, id, record.size());
  if (login_bytes_.of(id) > kMaxHelloBytes) {
    ++counters_.malformed;
    return close(id);
  }
  if (connection.backlog.empty()) logins_.push_back(id);
  connection.backlog.emplace_back(record.begin(), record.end());
  if (login_bytes_.total() <= kMaxLoginBytes) return;
  ++counters_.refused_connections;
  close(login_bytes_.any_of_fullest(rng_));
}

// Takes the newest logins first. When there are more logins than the loop can serve, some are then
// served in time, instead of each after its client has given up. A login whose client has gone
// costs nothing.
void Core::Impl::log_in(Now now) {
  for (std::size_t taken = 0; taken < kLoginsAtOnce && !logins_.empty();) {
    const auto id = logins_.back();
    logins_.pop_back();
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.backlog.empty()) continue;
    if (!found->second.greeted && found->second.opened + kHelloTimeout <= now.steady) {
      close(id);
      continue;
    }
    ++taken;
    take_from_backlog(now, id);
  }
  if (changed_) refresh(now);
  (void)settle(now);  // one write for the audit lines of these logins
}

// Takes the connection's oldest record. Once the connection is greeted, takes all of its records.
void Core::Impl::take_from_backlog(Now now, ConnectionId id) {
  for (;;) {
    auto& connection = connections_.at(id);
    const auto record = std::move(connection.backlog.front());
    connection.backlog.pop_front();
    take(now, id, record);
    const auto still = connections_.find(id);
    if (still == connections_.end() || still->second.backlog.empty()) return;
    if (!still->second.greeted) return logins_.push_back(id);
  }
}

void Core::Impl::greeted(ConnectionId id, Connection& connection) {
  connection.greeted = true;
  login_bytes_.remove(id);
}

// A connection's requests are charged to its source before the login, afterwards to the node or
// key.
std::string Core::Impl::charged_to(Now now, const Connection& connection) const {
  if (connection.node && admitted(now, *connection.node)) {
    return "node " + connection.node->identity.hex();
  }
  if (!connection.proven.empty()) return "key " + connection.proven.front().hex();
  return "source " + connection.source;
}

Status Core::Impl::afford(Now now, const Connection& connection, const control::Message& message) {
  const auto questions = [&](std::size_t count) {
    return rates_.questions.take(now.steady, charged_to(now, connection), count);
  };
  const auto notes = [&](const std::vector<std::string>& list) -> Status {
    const auto who = charged_to(now, connection);
    const auto revoking =
        static_cast<std::size_t>(std::count_if(list.begin(), list.end(), is_revocation));
    if (auto may = rates_.revocations.take(now.steady, who, revoking); !may) return may;
    return rates_.statements.take(now.steady, who, list.size() - revoking);
  };
  return std::visit(
      overloaded{
          [](const control::Ping&) -> Status { return {}; },
          // A proof is bounded by its connection. The source's bucket would let a stranger who has
          // emptied the bucket keep out every person behind the same address.
          [&](const control::Prove&) -> Status {
            return connection.proofs < kMaxProofs ? Status{} : questions(1);
          },
          [&](const control::Put& put) { return notes(put.notes); },
          [&](const control::Offer& offer) { return notes(offer.notes); },
          [&](const control::LeaseRequest&) {
            return rates_.leases.take(now.steady, charged_to(now, connection), 1);
          },
          [&](const control::List&) { return questions(4); },
          [&](const control::AuditQuery&) { return questions(4); },
          // Every other message costs one question, so that no message is free by oversight.
          [&](const auto&) { return questions(1); },
      },
      message);
}

void Core::Impl::try_store(Now now) {
  retry_store_ = Instant::never();
  const auto probed = store_.probe();
  if (probed) {
    full_.reset();
    revocation_lost_ = false;
    (void)settle(now);
    return;
  }
  full_ = probed.error();
  retry_store_ = now.steady + kStoreRetry;
}

}  // namespace culvert::coordinator

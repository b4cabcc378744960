#include "proto/path/peer_paths.hpp"

#include <algorithm>

#include "proto/core/overloaded.hpp"

namespace culvert::path {
namespace {

// While no path is trusted: probes after 0, 250 ms, 750 ms, 1.75 s, then every kHeartbeat.
constexpr std::array<Duration, 3> kProbeSteps = {250ms, 500ms, 1s};
constexpr Duration kHelpTime = 2s;
constexpr Duration kJustProved = 1s;  // a pong this recent outweighs a CallMeMaybe that crossed it
constexpr std::size_t kMaxAsked =
    16;  // Prober::ping calls waiting; the oldest gets no other answer

// Whether a path is so much quicker than the trusted path that it may replace the trusted path.
bool clearly_quicker(Duration challenger, Duration best) {
  return challenger + 1ms + best / 8 < best;
}

}  // namespace

PeerPaths::PeerPaths(PathContext& context, PeerInfo info, crypto::BoxKey box)
    : context_(context), info_(std::move(info)), box_(std::move(box)) {}

bool PeerPaths::use(Instant now) {
  const bool idle = now >= used_until_;
  used_until_ = now + kSessionIdle;
  if (!idle || !context_.direct) return false;
  begin(now);
  return true;
}

void PeerPaths::begin(Instant now) {
  if (!trusted(now)) {
    for (auto& candidate : candidates_) candidate.size = {};  // the route may have changed
  }
  step_ = 0;
  call_wanted_ = true;
  tick(now);
  send_call(now);
  report(now);
}

Route PeerPaths::route(Instant now) const {
  if (!best_) return {};
  if (!trusted(now)) return {best_->at, true};
  return {best_->at, false, best_->size};
}

void PeerPaths::ping(Instant now, PingId id) {
  if (asked_.size() == kMaxAsked) {
    const Asked& oldest = asked_.front();
    if (!oldest.answered) {
      context_.output.answers.push_back({oldest.id, info_.node, PathKind::kUnknown, {}, {}});
    }
    asked_.erase(asked_.begin());
  }
  asked_.push_back({id, now + kPingTimeout});
  if (info_.home) send_ping(now, std::nullopt, id);
  if (best_) send_ping(now, best_->at, id);
}

PathStatus PeerPaths::status(Instant now) const {
  PathStatus status;
  status.changed = reported_.changed;
  if (trusted(now)) {
    status.kind = PathKind::kDirect;
    status.endpoint = best_->at;
    status.latency = best_->latency;
    status.size = best_->size;
  } else if (info_.home) {
    status.kind = PathKind::kRelay;
  }
  return status;
}

void PeerPaths::report(Instant now) {
  auto current = status(now);
  if (current.kind == reported_.kind && current.endpoint == reported_.endpoint &&
      current.size == reported_.size) {
    return;
  }
  if (current.kind != PathKind::kDirect && reported_.kind == PathKind::kDirect) {
    context_.lost = true;
  }
  current.changed = now;
  reported_ = current;
  context_.output.changes.push_back({info_.node, current});
}

bool PeerPaths::may_come(const Way& from) const {
  const auto* relay = std::get_if<RelayWay>(&from);
  return relay == nullptr || relay->key == info_.relay_key;
}

std::optional<DiscoMessage> PeerPaths::open(ByteView bytes) {
  auto& counters = context_.counters;
  auto message = open_disco(box_, bytes);
  if (message) return std::move(*message);
  ++(message.error().code == ErrorCode::kUnverified ? counters.forged : counters.malformed);
  return std::nullopt;
}

bool PeerPaths::is_from(Instant now, const Way& from, const DiscoMessage& message) const {
  return std::visit(
      overloaded{
          [&](const Ping& ping) { return ping.node == info_.node; },
          [&](const Pong& pong) { return question_of(now, from, pong) != sent_.end(); },
          [](const CallMeMaybe&) { return true; },
      },
      message);
}

void PeerPaths::handle(Instant now, const Way& from, const DiscoMessage& message, ByteView nonce) {
  if (replayed(nonce)) {
    ++context_.counters.replayed;
    return;
  }
  std::visit([&](const auto& body) { on(now, from, body); }, message);
  report(now);
}

bool PeerPaths::replayed(ByteView nonce) {
  const auto mark = load_le<std::uint64_t>(nonce.data());
  if (std::find(nonces_.begin(), nonces_.end(), mark) != nonces_.end()) return true;
  nonces_[next_nonce_] = mark;
  next_nonce_ = (next_nonce_ + 1) % nonces_.size();
  return false;
}

void PeerPaths::on(Instant now, const Way& from, const Ping& ping) {
  const Endpoint* endpoint = endpoint_of(from);
  if (ping.node != info_.node || (endpoint != nullptr && !context_.usable(*endpoint))) {
    ++context_.counters.unexpected;
    return;
  }
  if (endpoint == nullptr) {
    if (relayed_pongs_.take(now)) send(std::nullopt, Pong{ping.transaction, {}});
    return;
  }
  if (!context_.direct) return;
  send(*endpoint, Pong{ping.transaction, *endpoint});
  auto* candidate = add_candidate(now, *endpoint);
  if (candidate == nullptr || !active(now) || trusted(now)) return;
  if (candidate->pinged && now - *candidate->pinged < kRepingAfter) return;
  // Two NATs may map every Ping to a new address. Without a limit each Ping would cause the next.
  if (pings_back_.take(now)) probe(now, *candidate, true);
}

std::vector<PeerPaths::Sent>::const_iterator PeerPaths::question_of(Instant now, const Way& from,
                                                                    const Pong& pong) const {
  const Endpoint* endpoint = endpoint_of(from);
  return std::find_if(sent_.begin(), sent_.end(), [&](const Sent& s) {
    return s.transaction == pong.transaction && now - s.at < kPingTimeout &&
           (endpoint != nullptr ? s.to == *endpoint : !s.to);
  });
}

// Only an answer to a Ping of ours, from where that Ping went, makes a path.
void PeerPaths::on(Instant now, const Way& from, const Pong& pong) {
  const Endpoint* endpoint = endpoint_of(from);
  const auto sent = question_of(now, from, pong);
  if (sent == sent_.end()) {
    ++context_.counters.unexpected;
    return;
  }
  const auto answer_to = *sent;
  const auto round_trip = now - answer_to.at;
  const auto id = answer_to.id;
  sent_.erase(sent);
  if (auto* candidate = endpoint == nullptr ? nullptr : add_candidate(now, *endpoint)) {
    answered(now, *candidate, answer_to);
  }
  for (auto& asked : asked_) {
    if (id == 0 || asked.id != id) continue;
    asked.answered = true;
    PingAnswer answer{id, info_.node, PathKind::kRelay, std::nullopt, round_trip};
    if (endpoint != nullptr) {
      answer.kind = PathKind::kDirect;
      answer.endpoint = *endpoint;
    }
    context_.output.answers.push_back(answer);
  }
}

// A candidate replaces a trusted path when it carries larger datagrams, or when it is clearly
// quicker and carries no smaller ones.
void PeerPaths::consider(Instant now, const Candidate& candidate) {
  const auto latency = candidate.latency;
  const auto size = candidate.size.proven();
  if (size == 0) return;
  const bool same = best_ && best_->at == candidate.at;
  if (!same && trusted(now) && size <= best_->size &&
      (size < best_->size || !clearly_quicker(latency, best_->latency))) {
    return;
  }
  best_ = {candidate.at, latency, size};
  trusted_until_ = now + kTrustPath;
  step_ = 0;
  if (tick_at_ < now + kHeartbeat) tick_at_ = now + kHeartbeat;
}

// A CallMeMaybe counts only when it came through a relay. The Prober has checked that the relay
// names this peer as the sender.
void PeerPaths::on(Instant now, const Way& from, const CallMeMaybe& call) {
  if (!std::holds_alternative<RelayWay>(from) || !context_.direct || !calls_in_.take(now)) {
    ++context_.counters.unexpected;
    return;
  }
  std::erase_if(candidates_, [&](const Candidate& c) {
    return c.called && !(best_ && best_->at == c.at) &&
           std::find(call.endpoints.begin(), call.endpoints.end(), c.at) == call.endpoints.end();
  });
  for (const auto& endpoint : call.endpoints) {
    if (!context_.usable(endpoint)) continue;
    if (auto* candidate = add_candidate(now, endpoint)) candidate->called = true;
  }
  if (trusted(now) && trusted_until_ - now > kTrustPath - kJustProved) return;
  trusted_until_ = now;  // the peer calls because it trusts no path, so we trust none either
  helping_until_ = now + kHelpTime;
  // Answers with a CallMeMaybe of our own once in kSessionIdle, so that two idle peers never keep
  // each other awake.
  if (!called_ || now - *called_ >= kSessionIdle) call_wanted_ = true;
  step_ = 0;
  tick(now);
  send_call(now);
}

PeerPaths::Candidate* PeerPaths::add_candidate(Instant now, const Endpoint& at) {
  const auto found = std::find_if(candidates_.begin(), candidates_.end(),
                                  [&](const Candidate& c) { return c.at == at; });
  if (found != candidates_.end()) return &*found;
  if (candidates_.size() >= kMaxCandidates) {
    auto oldest = candidates_.end();
    for (auto c = candidates_.begin(); c != candidates_.end(); ++c) {
      if (best_ && best_->at == c->at) continue;
      if (oldest == candidates_.end() || c->alive < oldest->alive) oldest = c;
    }
    if (oldest == candidates_.end()) return nullptr;
    candidates_.erase(oldest);
  }
  candidates_.push_back({.at = at, .alive = now});
  return &candidates_.back();
}

bool PeerPaths::handle_send_error(Instant now, const Endpoint& to) {
  if (std::erase_if(candidates_, [&](const Candidate& c) { return c.at == to; }) == 0) return false;
  std::erase_if(sent_, [&](const Sent& s) { return s.to == to; });
  if (!best_ || best_->at != to) return true;
  best_.reset();
  begin(now);
  return true;
}

void PeerPaths::restart(Instant now) {
  best_.reset();
  std::erase_if(sent_, [](const Sent& s) { return s.to.has_value(); });
  for (auto& candidate : candidates_) candidate.pinged.reset();
  begin(now);
}

void PeerPaths::call(Instant now) {
  if (!active(now) || trusted(now)) return;
  call_wanted_ = true;
  send_call(now);
}

bool PeerPaths::can_call() const {
  return call_wanted_ && info_.home && !context_.endpoints.empty();
}

void PeerPaths::send_call(Instant now) {
  if (!active(now) || trusted(now)) call_wanted_ = false;
  if (!can_call() || !calls_out_.take(now)) return;
  call_wanted_ = false;
  called_ = now;
  send(std::nullopt, CallMeMaybe{context_.endpoints});
}

Instant PeerPaths::next_deadline() const {
  auto next = tick_at_;
  if (reported_.kind == PathKind::kDirect) next = std::min(next, trusted_until_);
  for (const auto& asked : asked_) next = std::min(next, asked.until);
  for (const auto& candidate : candidates_) next = std::min(next, candidate.judge_at);
  if (can_call()) next = std::min(next, calls_out_.next());
  return next;
}

void PeerPaths::handle_timeout(Instant now) {
  for (const auto& asked : asked_) {
    if (now < asked.until || asked.answered) continue;
    context_.output.answers.push_back({asked.id, info_.node, PathKind::kUnknown, {}, {}});
  }
  std::erase_if(asked_, [&](const Asked& asked) { return now >= asked.until; });
  if (reported_.kind == PathKind::kDirect && !trusted(now)) return begin(now);
  for (auto& candidate : candidates_) {
    if (now >= candidate.judge_at) judge(now, candidate);
  }
  if (now >= tick_at_) tick(now);
  send_call(now);
  report(now);
}

bool PeerPaths::look_for_better(Instant now) const {
  if (!trusted(now)) return true;
  const bool good = best_->latency <= kGoodEnough && best_->size == kFullSize;
  return !good && (!probed_ || now - *probed_ >= kUpgradeInterval);
}

// The heartbeat: pings the path in use. While no path is trusted, and when it is time to look for a
// better path, pings all candidates.
void PeerPaths::tick(Instant now) {
  tick_at_ = Instant::never();
  std::erase_if(sent_, [&](const Sent& s) { return now - s.at >= kPingTimeout; });
  if (!active(now) || !context_.direct) return;
  const bool lost = !trusted(now);
  if (look_for_better(now)) {
    probe_all(now);
    if (step_ >= kProbeSteps.size() && now < used_until_) call_wanted_ = true;
  } else {
    heartbeat(now);
  }
  tick_at_ = now + (lost && step_ < kProbeSteps.size() ? kProbeSteps[step_++] : kHeartbeat);
}

void PeerPaths::probe_all(Instant now) {
  probed_ = now;
  std::size_t padded = 0;
  for (auto& candidate : candidates_) probe(now, candidate, padded++ < kMaxPadded);
}

void PeerPaths::send_ping(Instant now, const std::optional<Endpoint>& to, PingId id,
                          std::size_t size) {
  if (sent_.size() >= kMaxOutstanding) sent_.erase(sent_.begin());
  Sent sent{{}, to, now, id, size};
  context_.rng.fill(sent.transaction.bytes);
  sent_.push_back(sent);
  send(to, Ping{sent.transaction, context_.node, size == 0 ? 0 : size - kPingSize});
}

void PeerPaths::send(const std::optional<Endpoint>& to, const DiscoMessage& message) {
  auto bytes = seal_disco(box_, context_.ours, context_.rng, message);
  if (to) {
    context_.output.datagrams.push_back({UdpWay{*to}, std::move(bytes)});
  } else if (info_.home) {
    context_.output.datagrams.push_back({RelayWay{info_.relay_key, *info_.home}, std::move(bytes)});
  }
}

}  // namespace culvert::path

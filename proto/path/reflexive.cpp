#include "proto/path/reflexive.hpp"

#include <algorithm>

namespace culvert::path {

void Reflexive::set_servers(std::vector<Endpoint> servers) {
  if (servers.size() > kMaxStunServers) servers.resize(kMaxStunServers);
  asked_.clear();
  for (const auto& server : servers) asked_.emplace_back(server);
  reset();
}

void Reflexive::reset() {
  for (auto& asked : asked_) asked = Asked(asked.server);
  running_ = false;
  due_ = {};
}

void Reflexive::doubt(Instant now) { due_ = std::min(due_, std::max(now, started_ + kAgain)); }

void Reflexive::start(Instant now, std::vector<PathDatagram>& out) {
  running_ = true;
  started_ = now;
  ends_ = now + kRoundTime;
  const auto spread = static_cast<std::uint64_t>((kMaxRestun - kMinRestun).count());
  due_ = now + kMinRestun + Duration{static_cast<std::int64_t>(rng_.below(spread))};
  for (auto& asked : asked_) {
    asked.transaction = new_stun_transaction(rng_);
    asked.tries = 0;
    asked.next_try = now;
    asked.waiting = true;
  }
  handle_timeout(now, out);
}

bool Reflexive::handle_response(Instant now, const Endpoint& from, const StunResponse& response) {
  if (!running_ || now >= ends_) return false;
  const auto found = std::find_if(asked_.begin(), asked_.end(), [&](const Asked& asked) {
    return asked.waiting && asked.server == from && asked.transaction == response.transaction;
  });
  if (found == asked_.end()) return false;
  found->mapped = response.mapped;
  found->waiting = false;
  const bool more =
      std::any_of(asked_.begin(), asked_.end(), [](const Asked& asked) { return asked.waiting; });
  if (!more) running_ = false;
  return true;
}

Instant Reflexive::next_deadline() const {
  if (!running_) return Instant::never();
  auto next = ends_;
  for (const auto& asked : asked_) {
    if (asked.waiting) next = std::min(next, asked.next_try);
  }
  return next;
}

void Reflexive::handle_timeout(Instant now, std::vector<PathDatagram>& out) {
  if (!running_) return;
  if (now >= ends_) return finish();
  for (auto& asked : asked_) {
    if (!asked.waiting || now < asked.next_try) continue;
    out.push_back({UdpWay{asked.server}, stun_request(asked.transaction)});
    ++asked.tries;
    asked.next_try = asked.tries < kTries ? now + kRetry * (1U << (asked.tries - 1)) : ends_;
  }
}

// A STUN server that has not answered is taken to be gone; its earlier answer is dropped.
void Reflexive::finish() {
  running_ = false;
  for (auto& asked : asked_) {
    if (asked.waiting) asked.mapped.reset();
    asked.waiting = false;
  }
}

std::vector<Endpoint> Reflexive::endpoints() const {
  std::vector<Endpoint> out;
  for (const auto& asked : asked_) {
    if (asked.mapped && std::find(out.begin(), out.end(), *asked.mapped) == out.end()) {
      out.push_back(*asked.mapped);
    }
  }
  return out;
}

std::optional<bool> Reflexive::mapping_varies() const {
  std::optional<bool> varies;
  for (const auto& a : asked_) {
    for (const auto& b : asked_) {
      if (&a == &b || !a.mapped || !b.mapped) continue;
      if (a.mapped->address.is_v4() != b.mapped->address.is_v4()) continue;
      varies = varies.value_or(false) || *a.mapped != *b.mapped;
    }
  }
  return varies;
}

}  // namespace culvert::path

#include "agent/mesh/pings.hpp"

namespace culvert::agent {
namespace {

Result<PingResult> result_of(const path::PingAnswer& answer, const std::string& peer,
                             const std::string& home) {
  PingResult result;
  result.peer = peer;
  result.round_trip = answer.round_trip;
  switch (answer.kind) {
    case path::PathKind::kUnknown:
      return fail(ErrorCode::kTimeout, "no answer from " + peer);
    case path::PathKind::kDirect:
      result.path = PathKind::kDirect;
      if (answer.endpoint) result.via = format(*answer.endpoint);
      break;
    case path::PathKind::kRelay:
      result.path = PathKind::kRelay;
      result.via = home;
      break;
  }
  return result;
}

}  // namespace

void Pings::start(path::PingId id, std::string name, const crypto::RelayKey& relay,
                  Done<PingResult> done) {
  waiting_[id] = {std::move(name), relay, std::move(done)};
}

void Pings::take(const std::vector<path::PingAnswer>& answers, const Relays& relays) {
  for (const path::PingAnswer& answer : answers) {
    const auto ping = waiting_.find(answer.id);
    if (ping == waiting_.end()) continue;
    auto result = result_of(answer, ping->second.name, relays.home_for(ping->second.relay));
    answered_.emplace_back(std::move(ping->second.done), std::move(result));
    waiting_.erase(ping);
  }
}

void Pings::finish() {
  for (auto& [done, result] : std::exchange(answered_, {})) done(std::move(result));
}

}  // namespace culvert::agent

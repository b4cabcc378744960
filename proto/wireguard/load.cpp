#include "proto/wireguard/load.hpp"

#include <algorithm>

namespace culvert::wireguard {
namespace {

constexpr Duration kSweepInterval = 1s;

// RFC 6177: a site has a /64 at the least, so its single addresses are no sources of their own.
IpAddress source_of(IpAddress address) {
  if (!address.is_v4()) std::fill(address.bytes.begin() + 8, address.bytes.end(), std::uint8_t{0});
  return address;
}

}  // namespace

bool HandshakeLoad::under_load(Instant now) {
  if (!calm_.take(now)) loaded_until_ = now + kLoadLinger;
  return now < loaded_until_;
}

bool SourceLimiter::allow(Instant now, const IpAddress& source) {
  const auto key = source_of(source);
  auto at = sources_.find(key);
  if (at == sources_.end()) {
    if (sources_.size() >= kMaxSources) forget_quiet(now);
    if (sources_.size() >= kMaxSources) return false;
    at = sources_.emplace(key, RateLimit(Duration(1s) / kSourceRate, kSourceBurst)).first;
  }
  return at->second.take(now);
}

// At most once an interval, so that a full table costs little to hold full.
void SourceLimiter::forget_quiet(Instant now) {
  if (now - swept_ < kSweepInterval) return;
  swept_ = now;
  std::erase_if(sources_, [now](const auto& entry) { return entry.second.is_full(now); });
}

}  // namespace culvert::wireguard

#include "proto/wireguard/load.hpp"

#include <algorithm>

namespace culvert::wireguard {
namespace {

// RFC 6177: an IPv6 site has at least a /64, so all addresses of a /64 count as one source.
IpAddress source_of(IpAddress address) {
  if (!address.is_v4()) std::fill(address.bytes.begin() + 8, address.bytes.end(), std::uint8_t{0});
  return address;
}

// MurmurHash3's 64-bit finalizer. With a secret key, no stranger knows which sources share places.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 33U)) * 0xFF51AFD7ED558CCDULL;
  x = (x ^ (x >> 33U)) * 0xC4CEB9FE1A85EC53ULL;
  return x ^ (x >> 33U);
}

}  // namespace

bool HandshakeLoad::under_load(Instant now) {
  if (!calm_.take(now)) loaded_until_ = now + kLoadLinger;
  return now < loaded_until_;
}

bool SourceLimiter::allow(Instant now, const IpAddress& source) {
  return place_of(now, source_of(source)).limit.take(now);
}

SourceLimiter::Place& SourceLimiter::place_of(Instant now, const IpAddress& source) {
  if (places_.empty()) places_.resize(kMaxSources);
  std::uint64_t mixed = mix(load_le<std::uint64_t>(source.bytes.data()) ^ key_[0]);
  mixed = mix(mixed ^ load_le<std::uint64_t>(source.bytes.data() + 8) ^ key_[1]);
  Place* const first = &places_[mixed % (kMaxSources / kWays) * kWays];
  Place* quiet = nullptr;
  for (Place* place = first; place != first + kWays; ++place) {
    if (place->source == source) return *place;
    if (place->limit.is_full(now)) quiet = place;
  }
  Place& taken = quiet != nullptr ? *quiet : first[rng_.below(kWays)];
  taken = Place{source};
  return taken;
}

}  // namespace culvert::wireguard

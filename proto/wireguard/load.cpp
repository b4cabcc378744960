#include "proto/wireguard/load.hpp"

#include "proto/core/overloaded.hpp"
#include "proto/core/room.hpp"

namespace culvert::wireguard {
namespace {

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

bool SourceLimiter::allow(Instant now, const Way& from) {
  return place_of(now, source_of(from)).limit.take(now);
}

// RFC 6177: an IPv6 site has at least a /64, so all addresses of a /64 count as one source.
SourceLimiter::Source SourceLimiter::source_of(const Way& from) {
  return std::visit(
      overloaded{
          [](const UdpWay& way) { return Source(culvert::source_of(way.endpoint.address)); },
          [](const RelayWay& way) { return Source(way.key); },
          [](std::monostate) { return Source(); },
      },
      from);
}

std::uint64_t SourceLimiter::mixed(const Source& source) const {
  return std::visit(
      [this](const auto& value) {
        std::uint64_t out = 0;
        for (std::size_t i = 0; i < value.bytes.size(); i += 8) {
          out = mix(out ^ load_le<std::uint64_t>(value.bytes.data() + i) ^ key_[i / 8 % 2]);
        }
        return out;
      },
      source);
}

SourceLimiter::Place& SourceLimiter::place_of(Instant now, const Source& source) {
  if (places_.empty()) places_.resize(kMaxSources);
  Place* const first = &places_[mixed(source) % (kMaxSources / kWays) * kWays];
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

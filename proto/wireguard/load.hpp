// How many handshakes a device is willing to compute. One costs four X25519 (a quarter of a
// millisecond); a datagram that asks for one costs its sender nothing.
//
// Up to `kBurst` handshakes at once and `per_second` from then on are simply answered. Beyond that
// the device is under load, until one second has passed below the limit. Under load:
//   - a message must carry a cookie (mac2), which proves the sender's address (or, through a relay,
//     its relay key);
//   - each proven address gets kSourceRate handshakes a second. Unproven addresses are not limited,
//     as they can be forged, and a limit would shut out the owner of a forged address;
//   - each claimed address gets kSourceRate cookies a second, as a cookie costs more than all
//     checks before it. A victim whose address is spoofed shares its cookie budget with the
//     spoofer.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "proto/core/datagram.hpp"
#include "proto/core/rate_limit.hpp"
#include "proto/core/rng.hpp"

namespace culvert::wireguard {

class HandshakeLoad {
 public:
  static constexpr std::uint32_t kDefaultRate = 500;
  static constexpr std::uint32_t kBurst = 100;
  static constexpr Duration kLoadLinger = 1s;

  // `per_second` 0: always under load.
  explicit HandshakeLoad(std::uint32_t per_second)
      : calm_(Duration(1s) / std::max(per_second, 1U), per_second == 0 ? 0 : kBurst) {}
  // Counts one message with a correct mac1. True: under load, so ask the sender for a cookie.
  bool under_load(Instant now);

 private:
  RateLimit calm_;
  Instant loaded_until_{};
};

// A rate limit for each source: an IPv4 address, the first 64 bits of an IPv6 address or, through a
// relay, the sender's relay key. A secret
// key decides which kWays places of the table a source may take. A new source replaces a quiet one,
// else a random one: an attacker who fills the table with forged sources makes it forget, but shuts
// nobody out. A call looks at kWays places; only the first call allocates memory, for the table.
class SourceLimiter {
 public:
  static constexpr std::uint32_t kSourceRate = 20;
  static constexpr std::uint32_t kSourceBurst = 5;
  static constexpr std::size_t kMaxSources = 8192;
  static constexpr std::size_t kWays = 8;

  using Key = std::array<std::uint64_t, 2>;
  SourceLimiter(Rng& rng, const Key& key) : rng_(rng), key_(key) {}  // `rng` outlives the limiter
  bool allow(Instant now, const Way& from);

 private:
  using Source = std::variant<IpAddress, crypto::RelayKey>;
  struct Place {
    Source source;
    RateLimit limit{Duration(1s) / kSourceRate, kSourceBurst};
  };
  static Source source_of(const Way& from);
  std::uint64_t mixed(const Source& source) const;
  Place& place_of(Instant now, const Source& source);

  Rng& rng_;
  Key key_;
  std::vector<Place> places_;  // kMaxSources, or none before the first call
};

}  // namespace culvert::wireguard

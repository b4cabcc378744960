// How many handshakes a device is willing to compute. One costs four X25519 (a quarter of a
// millisecond); a datagram that asks for one costs its sender nothing.
//
// Up to `kBurst` at once and `per_second` from then on are simply answered. Beyond that the device
// is under load, until a second has passed without being so: then a message must carry a cookie
// (mac2), which proves its address, and each address gets kSourceRate a second. Sources are not
// limited before: without a cookie they can be forged, and a limit would shut out whom they name.
// Cookies themselves, dearer than all checks before them, are: as many a second for each address
// that is claimed. Who is named by a flood's sender has to wait for one between theirs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "proto/core/endpoint.hpp"
#include "proto/core/rate_limit.hpp"

namespace culvert::wireguard {

class HandshakeLoad {
 public:
  static constexpr std::uint32_t kDefaultRate = 500;
  static constexpr std::uint32_t kBurst = 100;
  static constexpr Duration kLoadLinger = 1s;

  // 0 a second: always under load.
  explicit HandshakeLoad(std::uint32_t per_second)
      : calm_(Duration(1s) / std::max(per_second, 1U), per_second == 0 ? 0 : kBurst) {}
  // Counts one message with a right mac1; true: under load, ask for a cookie.
  bool under_load(Instant now);

 private:
  RateLimit calm_;
  Instant loaded_until_{};
};

// By source: an IPv4 address or the first 64 bits of an IPv6 one. At most kMaxSources are
// remembered; when full of busy ones, new ones are refused until some have been quiet.
class SourceLimiter {
 public:
  static constexpr std::uint32_t kSourceRate = 20;
  static constexpr std::uint32_t kSourceBurst = 5;
  static constexpr std::size_t kMaxSources = 8192;

  bool allow(Instant now, const IpAddress& source);
  std::size_t size() const { return sources_.size(); }

 private:
  void forget_quiet(Instant now);

  std::unordered_map<IpAddress, RateLimit> sources_;
  Instant swept_{};
};

}  // namespace culvert::wireguard

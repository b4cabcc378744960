// The pure half of the STUN server: decides which datagrams get an answer, and makes the answers.
// Its one state is the rate limit: kStunPerSecond answers a second for each source (IPv4 address or
// IPv6 /64), counted in a table of fixed size, in which several sources may share a slot.
#pragma once

#include <array>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"

namespace culvert::relay {

inline constexpr std::uint32_t kStunPerSecond = 50;  // a site behind a NAT is one source

struct StunCounters {
  std::uint64_t answered = 0;
  std::uint64_t malformed = 0;
  std::uint64_t limited = 0;
};

class StunServer {
 public:
  explicit StunServer(Rng& rng) : seed_(rng.next()) {}

  std::optional<Bytes> handle(Instant now, ByteView datagram, const Endpoint& from);
  const StunCounters& counters() const { return counters_; }

 private:
  struct Slot {
    std::int64_t second = 0;
    std::uint32_t answers = 0;
  };
  bool admit(Instant now, const IpAddress& from);

  std::uint64_t seed_;  // secret, so that nobody can choose a source that shares another's slot
  std::array<Slot, 4096> slots_{};
  StunCounters counters_;
};

}  // namespace culvert::relay

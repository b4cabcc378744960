#include "relay/shell/stun_server.hpp"

#include "proto/path/stun.hpp"

namespace culvert::relay {

std::optional<Bytes> StunServer::handle(Instant now, ByteView datagram, const Endpoint& from) {
  const auto request = path::parse_stun_request(datagram);
  if (!request) {
    ++counters_.malformed;
    return std::nullopt;
  }
  if (!admit(now, from.address)) {
    ++counters_.limited;
    return std::nullopt;
  }
  ++counters_.answered;
  return path::stun_answer(*request, from);
}

bool StunServer::admit(Instant now, const IpAddress& from) {
  const auto source = from.is_v4() ? load_le<std::uint32_t>(from.bytes.data() + 12)
                                   : load_le<std::uint64_t>(from.bytes.data());
  // Two rounds of a multiplicative mix (MurmurHash3's finaliser) under a secret seed.
  std::uint64_t mixed = (source ^ seed_) * 0xFF51AFD7ED558CCDULL;
  mixed = (mixed ^ (mixed >> 33U)) * 0xC4CEB9FE1A85EC53ULL;
  auto& slot = slots_[(mixed >> 33U) % slots_.size()];
  const auto second = std::chrono::duration_cast<std::chrono::seconds>(now - Instant{}).count();
  if (slot.second != second) slot = {second, 0};
  return ++slot.answers <= kStunPerSecond;
}

}  // namespace culvert::relay

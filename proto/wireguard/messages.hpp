// The four messages of WireGuard (paper, section 5.4) and the constants (section 6.1), with the
// paper's names. Integers are little-endian; each message starts with its type and three zero
// bytes.
//
//   1 initiation  148 B   0 type · 4 sender · 8 ephemeral 32 · 40 static 48 · 88 timestamp 28 ·
//                         116 mac1 16 · 132 mac2 16
//   2 response     92 B   0 type · 4 sender · 8 receiver · 12 ephemeral 32 · 44 empty 16 ·
//                         60 mac1 16 · 76 mac2 16
//   3 cookie       64 B   0 type · 4 receiver · 8 nonce 24 · 32 cookie 32
//   4 transport  ≥ 32 B   0 type · 4 receiver · 8 counter 8 · 16 packet (padded to 16) ‖ tag 16
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/strong.hpp"
#include "proto/core/time.hpp"

namespace culvert::wireguard {

// Names a handshake or a session at the side that chose the index.
using SessionIndex = Strong<struct SessionIndexTag, std::uint32_t>;

inline constexpr std::uint64_t kRekeyAfterMessages = 1ULL << 60U;
inline constexpr std::uint64_t kRejectAfterMessages = ~0ULL - (1ULL << 13U);
inline constexpr Duration kRekeyAfterTime = 120s;
inline constexpr Duration kRejectAfterTime = 180s;
inline constexpr Duration kRekeyAttemptTime = 90s;
inline constexpr Duration kRekeyTimeout = 5s;
inline constexpr Duration kKeepaliveTimeout = 10s;
inline constexpr Duration kCookieLifetime = 120s;
// Not in the paper's table; the kernel's values.
inline constexpr Duration kRekeyTimeoutJitter = 334ms;  // the jitter is drawn from [0, 334 ms)
inline constexpr Duration kInitiationInterval = 20ms;   // least time between a peer's initiations
inline constexpr std::size_t kPaddingMultiple = 16;

enum class MessageType : std::uint8_t {
  kInitiation = 1,
  kResponse = 2,
  kCookieReply = 3,
  kTransport = 4,
};

inline constexpr std::size_t kInitiationSize = 148;
inline constexpr std::size_t kResponseSize = 92;
inline constexpr std::size_t kCookieReplySize = 64;
inline constexpr std::size_t kTransportHeaderSize = 16;
inline constexpr std::size_t kTransportOverhead = 32;                     // header and tag
inline constexpr std::size_t kTransportTail = kPaddingMultiple - 1 + 16;  // padding and tag at most
inline constexpr std::size_t kMacsSize = 32;  // the mac1 ‖ mac2 that ends types 1 and 2

// A datagram's type; nothing unless the first four bytes and the size fit a type. All code
// demultiplexes with this function.
std::optional<MessageType> message_type(ByteView datagram);

struct Initiation {
  SessionIndex sender;
  std::array<std::uint8_t, 32> ephemeral{};
  std::array<std::uint8_t, 48> sealed_static{};
  std::array<std::uint8_t, 28> sealed_timestamp{};
};
struct Response {
  SessionIndex sender;
  SessionIndex receiver;
  std::array<std::uint8_t, 32> ephemeral{};
  std::array<std::uint8_t, 16> sealed_empty{};
};
struct CookieReply {
  SessionIndex receiver;
  std::array<std::uint8_t, 24> nonce{};
  std::array<std::uint8_t, 32> sealed_cookie{};
};
struct TransportHeader {
  SessionIndex receiver;
  std::uint64_t counter = 0;
};

// decode: the datagram's message_type() is the type of the result, asserted. encode: `out` has
// exactly the message's size (16 bytes for a transport header), asserted; the MACs are left zero.
Initiation decode_initiation(ByteView datagram);
Response decode_response(ByteView datagram);
CookieReply decode_cookie_reply(ByteView datagram);
TransportHeader decode_transport(ByteView datagram);
void encode(const Initiation& message, MutableByteView out);
void encode(const Response& message, MutableByteView out);
void encode(const CookieReply& message, MutableByteView out);
void encode(const TransportHeader& message, MutableByteView out);

}  // namespace culvert::wireguard

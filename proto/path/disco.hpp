// disco: small encrypted messages with which two peers find and watch the paths to each other.
//
//   TS💬 (54 53 f0 9f 92 ac) ‖ sender's disco key (32) ‖ nonce (24) ‖ box
//   box = NaCl box(type ‖ version ‖ body)
//
//   type 1 Ping         txid (12) ‖ node key (32) ‖ padding (zeros, any length)
//   type 2 Pong         txid (12) ‖ IP (16) ‖ port (2, big-endian)   source address of the Ping
//   type 3 CallMeMaybe  n × (IP (16) ‖ port (2))                     through a relay only
//
// version is 0. A body may have bytes after the known fields, which are skipped; it is never
// shorter than the known fields. IPv4 is written as ::ffff:a.b.c.d. The box is X25519 +
// XSalsa20-Poly1305 between the two disco keys.
// The layout is Tailscale's (github.com/tailscale/tailscale, disco/disco.go).
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/strong.hpp"
#include "proto/crypto/box.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::path {

inline constexpr std::array<std::uint8_t, 6> kDiscoMagic = {0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac};
inline constexpr std::size_t kDiscoHeaderSize = 6 + 32 + 24;
inline constexpr std::size_t kMaxDiscoMessage = 1472;   // what Ethernet carries, over IPv4
inline constexpr std::size_t kMaxCalledEndpoints = 32;  // in a CallMeMaybe; more are skipped

using DiscoTransaction = FixedBytes<struct DiscoTransactionTag, 12>;

struct Ping {
  DiscoTransaction transaction;
  crypto::WireGuardKey node;  // the sender's WireGuard key
  std::size_t padding = 0;    // bytes; for probing the path's MTU
  friend bool operator==(const Ping&, const Ping&) = default;
};
struct Pong {
  DiscoTransaction transaction;
  Endpoint source;  // where the Ping came from; unspecified when the Ping came through a relay
  friend bool operator==(const Pong&, const Pong&) = default;
};
struct CallMeMaybe {
  std::vector<Endpoint> endpoints;
  friend bool operator==(const CallMeMaybe&, const CallMeMaybe&) = default;
};
using DiscoMessage = std::variant<Ping, Pong, CallMeMaybe>;
// A whole datagram with a Ping: header, tag, type and version, fields.
inline constexpr std::size_t kPingSize = kDiscoHeaderSize + crypto::kBoxTagSize + 2 + 12 + 32;

// The plain text of the box: type ‖ version ‖ body.
Bytes encode_disco(const DiscoMessage& message);
Result<DiscoMessage> decode_disco(ByteView plain);

// Cheap demultiplexing: the magic is there, and the datagram has a whole header and tag.
bool is_disco(ByteView datagram);
// The claimed sender and the nonce of a datagram for which is_disco() is true.
crypto::DiscoKey disco_sender(ByteView datagram);
ByteView disco_nonce(ByteView datagram);

Bytes seal_disco(const crypto::BoxKey& box, const crypto::DiscoKey& ours, Rng& rng,
                 const DiscoMessage& message);
// kUnverified: not made with the keys of `box`; kInvalid: genuine but malformed or of unknown type.
Result<DiscoMessage> open_disco(const crypto::BoxKey& box, ByteView datagram);

}  // namespace culvert::path

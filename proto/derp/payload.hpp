// Payloads of the DERP frames that have more than one field; frame.hpp has their layouts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/strong.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/derp/frame.hpp"

namespace culvert::derp {

enum class PeerGoneReason : std::uint8_t { kDisconnected = 0, kNotHere = 1 };
using Challenge = FixedBytes<struct ChallengeTag, kChallengeSize>;
using PingData = std::array<std::uint8_t, 8>;

// Writers append one whole frame to `out`.
void write_server_key(Bytes& out, const crypto::RelayKey& relay, const Challenge* challenge);
void write_restarting(Bytes& out, std::uint32_t reconnect_in_ms, std::uint32_t try_for_ms);

// Readers of payloads that have more than one field; `payload` has passed payload_bounds.
struct ServerKey {
  crypto::RelayKey relay;
  std::optional<Challenge> challenge;
};
std::optional<ServerKey> read_server_key(ByteView payload);  // nothing: kMagic is missing
struct Packet {
  crypto::RelayKey peer;  // destination or source
  ByteView bytes;
};
Packet read_packet(ByteView payload);
struct PeerGone {
  crypto::RelayKey peer;
  PeerGoneReason reason = PeerGoneReason::kDisconnected;
};
PeerGone read_peer_gone(ByteView payload);
struct Restarting {
  std::uint32_t reconnect_in_ms = 0;
  std::uint32_t try_for_ms = 0;
};
Restarting read_restarting(ByteView payload);

bool is_disco(ByteView packet);  // begins with TS💬; disco goes before data in every queue

}  // namespace culvert::derp

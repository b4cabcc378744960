#include "proto/derp/payload.hpp"

namespace culvert::derp {

void write_server_key(Bytes& out, const crypto::RelayKey& relay, const Challenge* challenge) {
  const auto extra = challenge != nullptr ? challenge->view() : ByteView{};
  write_frame(out, FrameType::kServerKey, {kMagic, relay.view(), extra});
}

void write_restarting(Bytes& out, std::uint32_t reconnect_in_ms, std::uint32_t try_for_ms) {
  std::array<std::uint8_t, 8> raw{};
  store_be(raw.data(), reconnect_in_ms);
  store_be(raw.data() + 4, try_for_ms);
  write_frame(out, FrameType::kRestarting, {raw});
}

std::optional<ServerKey> read_server_key(ByteView payload) {
  Reader reader(payload);
  if (!equal(reader.take(kMagic.size()), kMagic)) return std::nullopt;
  ServerKey key;
  key.relay.bytes = reader.array<kKeySize>();
  if (!reader.ok()) return std::nullopt;
  if (reader.rest().size() >= kChallengeSize) {
    key.challenge = Challenge{reader.array<kChallengeSize>()};
  }
  return key;
}

Packet read_packet(ByteView payload) {
  Reader reader(payload);
  Packet packet;
  packet.peer.bytes = reader.array<kKeySize>();
  packet.bytes = reader.rest();
  return packet;
}

PeerGone read_peer_gone(ByteView payload) {
  Reader reader(payload);
  PeerGone gone;
  gone.peer.bytes = reader.array<kKeySize>();
  const bool not_here = reader.be<std::uint8_t>() == 1;  // an old relay gives no reason
  gone.reason = not_here ? PeerGoneReason::kNotHere : PeerGoneReason::kDisconnected;
  return gone;
}

Restarting read_restarting(ByteView payload) {
  Reader reader(payload);
  Restarting restarting;
  restarting.reconnect_in_ms = reader.be<std::uint32_t>();
  restarting.try_for_ms = reader.be<std::uint32_t>();
  return restarting;
}

bool is_disco(ByteView packet) {
  static constexpr std::array<std::uint8_t, 6> kDiscoMagic = {0x54, 0x53, 0xF0, 0x9F, 0x92, 0xAC};
  return packet.size() >= kDiscoMagic.size() &&
         equal(packet.first(kDiscoMagic.size()), kDiscoMagic);
}

}  // namespace culvert::derp

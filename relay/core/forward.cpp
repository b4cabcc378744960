// Forwards packets: pairs, the active connection of a key, queues.
#include "relay/core/parts.hpp"

namespace culvert::relay {

Connection* Core::Parts::active(const crypto::RelayKey& key) {
  const auto found = clients.find(key);
  return found == clients.end() ? nullptr : find(found->second.back());
}

void Core::Parts::make_active(const Connection& connection) {
  auto& same_key = clients[connection.key];
  if (same_key.back() == connection.id) return;
  std::rotate(std::find(same_key.begin(), same_key.end(), connection.id),
              std::find(same_key.begin(), same_key.end(), connection.id) + 1, same_key.end());
}

void Core::Parts::forward(Now now, Connection& from, const derp::Packet& packet) {
  ++counters.packets_received;
  counters.bytes_received += packet.bytes.size();
  make_active(from);
  if (!from.rate.take(now.steady, packet.bytes.size(), derp::is_disco(packet.bytes))) {
    ++counters.dropped_rate;
    return;
  }
  if (!from.may_reach(packet.peer)) {
    ++counters.dropped_not_pair;  // before any look-up, so that the sender learns nothing
    return;
  }
  auto* to = active(packet.peer);
  if (to == nullptr || !to->may_reach(from.key)) {
    ++counters.dropped_not_here;
    return tell_not_here(now, from, packet.peer);
  }
  from.remember(packet.peer);
  to->remember(from.key);
  queue_packet(now, *to, from.key, packet.bytes);
}

void Core::Parts::tell_not_here(Now now, Connection& to, const crypto::RelayKey& peer) {
  if (to.told_not_here.size() >= kMaxCorrespondents) to.told_not_here.clear();
  const auto [entry, first] = to.told_not_here.try_emplace(peer, now.steady);
  if (!first && now.steady - entry->second < kPeerGoneEvery) return;
  entry->second = now.steady;
  const std::array<std::uint8_t, 1> why = {
      static_cast<std::uint8_t>(derp::PeerGoneReason::kNotHere)};
  queue_own(to, derp::FrameType::kPeerGone, {peer.view(), why});
}

void Core::Parts::queue_packet(Now now, Connection& to, const crypto::RelayKey& source,
                               ByteView packet) {
  if (derp::is_disco(packet)) {
    if (to.disco.count() >= kMaxDisco) {
      to.disco.drop_oldest();
      ++counters.dropped_queue;
    }
    to.disco.push(derp::FrameType::kRecvPacket, {source.view(), packet});
  } else {
    counters.dropped_queue += to.data.push(now.steady, options.queue_bytes,
                                           derp::FrameType::kRecvPacket, {source.view(), packet});
  }
  ++counters.packets_queued;
  list(to);
}

void Core::Parts::queue_own(Connection& to, derp::FrameType type,
                            std::initializer_list<ByteView> parts) {
  if (to.own.count() >= kMaxOwnFrames) {
    ++counters.dropped_queue;
    return;
  }
  to.own.push(type, parts);
  list(to);
}

void Core::Parts::leave(const Connection& connection) {
  const auto entry = clients.find(connection.key);
  auto& same_key = entry->second;
  same_key.erase(std::find(same_key.begin(), same_key.end(), connection.id));
  if (!same_key.empty()) return;
  clients.erase(entry);
  const std::array<std::uint8_t, 1> why = {
      static_cast<std::uint8_t>(derp::PeerGoneReason::kDisconnected)};
  for (const auto& peer : connection.correspondents) {
    auto* other = active(peer);
    if (other != nullptr && other->may_reach(connection.key)) {
      queue_own(*other, derp::FrameType::kPeerGone, {connection.key.view(), why});
    }
  }
}

}  // namespace culvert::relay

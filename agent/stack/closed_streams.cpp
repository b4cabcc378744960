#include "agent/stack/closed_streams.hpp"

#include "agent/stack/connection.hpp"

namespace culvert::stack {

bool ClosedStreams::enter(Connection& connection, Place& place, std::size_t bytes) {
  const auto& address = connection.remote().address;
  const auto has_room = [&] {
    const auto found = peers_.find(address);
    const std::size_t mine = found == peers_.end() ? 0 : found->second.bytes;
    return mine + bytes + bytes_ + bytes <= kMaxClosedBytes;
  };
  while (!has_room()) {
    const auto found = peers_.find(address);
    if (found == peers_.end()) return false;
    found->second.oldest_first.front()->cut(
        {ErrorCode::kExhausted, "too much waits for a peer that does not read"});
  }
  auto& peer = peers_[address];
  place.bytes = bytes;
  place.at = peer.oldest_first.insert(peer.oldest_first.end(), &connection);
  peer.bytes += bytes;
  bytes_ += bytes;
  return true;
}

void ClosedStreams::acknowledged(const Connection& connection, Place& place, std::size_t bytes) {
  if (place.bytes <= bytes) return leave(connection, place);
  place.bytes -= bytes;
  peers_.at(connection.remote().address).bytes -= bytes;
  bytes_ -= bytes;
}

void ClosedStreams::leave(const Connection& connection, Place& place) {
  if (place.bytes == 0) return;
  const auto peer = peers_.find(connection.remote().address);
  peer->second.bytes -= place.bytes;
  bytes_ -= place.bytes;
  place.bytes = 0;
  peer->second.oldest_first.erase(place.at);
  if (peer->second.oldest_first.empty()) peers_.erase(peer);
}

}  // namespace culvert::stack

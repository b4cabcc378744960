// The packets that lwIP has made and that are sent at the end of the turn, with their memory. A
// packet that does not fit is dropped, and TCP sends it again.
//
// Once half of the queue is used, a peer gets more room while it has less than is still free. So a
// peer that causes thousands of packets in one turn costs no other peer a packet.
#pragma once

#include <cstddef>
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/core/arena.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/roomy_packet.hpp"

namespace culvert::stack {

constexpr std::size_t kMaxQueuedPackets = 16384;  // made and not yet handed to `output`

class Outgoing {
 public:
  // Whether one more packet to `peer` may be added. Call it once before each add().
  bool has_room(const IpAddress& peer) {
    const std::size_t size = packets_.size();
    if (size < kMaxQueuedPackets / 2) return true;
    if (by_peer_.empty()) {
      for (const auto& packet : packets_) ++by_peer_[destination(packet.packet())];
    }
    auto& mine = by_peer_[peer];
    if (size >= kMaxQueuedPackets || mine >= kMaxQueuedPackets - size) return false;
    ++mine;
    return true;
  }

  MutableByteView add(std::size_t size) {
    const auto memory = memory_.allocate(kRoomBefore + size + kRoomBehind);
    packets_.push_back({memory, kRoomBefore, size});
    return packets_.back().packet();
  }

  static IpAddress destination(ByteView packet) {
    IpAddress out;
    std::memcpy(out.bytes.data(), packet.data() + 24, out.bytes.size());
    return out;
  }

  const std::vector<RoomyPacket>& packets() const { return packets_; }
  void swap(Outgoing& other) { std::swap(*this, other); }
  void clear() {
    packets_.clear();
    by_peer_.clear();
    memory_.clear();
  }

 private:
  Arena memory_;
  std::vector<RoomyPacket> packets_;
  std::unordered_map<IpAddress, std::size_t> by_peer_;  // empty until half of the queue is used
};

}  // namespace culvert::stack

// A batch of packets. add() copies a packet into the batch's own memory, refer() only points to a
// packet elsewhere. Once the batch has grown, a packet needs no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/core/arena.hpp"
#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"

namespace culvert::agent {

class PacketBatch {
 public:
  void add(const Endpoint& to, ByteView bytes) { refer(to, memory_.copy(bytes)); }
  void refer(const Endpoint& to, ByteView bytes, std::uint8_t ecn = 0) {
    items_.push_back({to, bytes, ecn});
  }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  // The UDP destination; unspecified for mesh packets, whose headers have the destination.
  const Endpoint& to(std::size_t i) const { return items_[i].to; }
  std::uint8_t ecn(std::size_t i) const { return items_[i].ecn; }
  ByteView bytes(std::size_t i) const { return items_[i].bytes; }
  void clear() {
    items_.clear();
    memory_.clear();
  }

 private:
  struct Item {
    Endpoint to;
    ByteView bytes;
    std::uint8_t ecn = 0;  // for the outer header of a datagram
  };

  std::vector<Item> items_;
  Arena memory_;
};

}  // namespace culvert::agent

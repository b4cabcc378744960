// Batches of packets in the core's effects. add() copies the bytes into the batch's own memory,
// refer() only points to bytes elsewhere. Once a batch has grown, a packet needs no allocation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "proto/core/arena.hpp"
#include "proto/core/bytes.hpp"
#include "proto/core/datagram.hpp"

namespace culvert::agent {

template <class Item>
class Batch {
 public:
  void refer(const Item& item) { items_.push_back(item); }
  std::span<const Item> items() const { return items_; }
  bool empty() const { return items_.empty(); }
  void clear() {
    items_.clear();
    memory_.clear();
  }

 protected:
  std::vector<Item> items_;
  Arena memory_;
};

struct DatagramBatch : Batch<Datagram> {
  void add(const Way& way, ByteView bytes) { refer({way, memory_.copy(bytes)}); }
};

struct PacketBatch : Batch<ByteView> {  // IP packets
  void add(ByteView packet) { refer(memory_.copy(packet)); }
};

}  // namespace culvert::agent

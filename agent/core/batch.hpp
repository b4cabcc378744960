// Many packets in one piece of storage: no allocation a packet once the batch has grown.
#pragma once

#include <cstddef>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"

namespace culvert::agent {

class PacketBatch {
 public:
  struct Item {
    Endpoint to;  // unspecified for mesh packets, which carry their own destination
    std::size_t offset = 0;
    std::size_t size = 0;
    std::uint8_t ecn = 0;  // for the outer header of a datagram
  };

  void add(const Endpoint& to, ByteView bytes, std::uint8_t ecn = 0) {
    items_.push_back({to, storage_.size(), bytes.size(), ecn});
    append(storage_, bytes);
  }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  const Endpoint& to(std::size_t i) const { return items_[i].to; }
  std::uint8_t ecn(std::size_t i) const { return items_[i].ecn; }
  // Valid until the next add or clear.
  ByteView bytes(std::size_t i) const {
    return ByteView(storage_).subspan(items_[i].offset, items_[i].size);
  }
  MutableByteView writable(std::size_t i) {
    return MutableByteView(storage_).subspan(items_[i].offset, items_[i].size);
  }
  void clear() {
    items_.clear();
    storage_.clear();
  }

 private:
  std::vector<Item> items_;
  Bytes storage_;
};

}  // namespace culvert::agent

// FQ-CoDel (RFC 8290): packets of many flows that wait for one consumer. Each flow has its own
// queue (flows with the same hash share one). The queues are served in turn, by bytes; flows that
// have just begun or send little are served first. CoDel thins each queue that stays long. Pure.
//
// All queues share one bounded memory. A packet stays where it was written until it has left. When
// the memory is full, room() fails and further packets wait at their source. The block that was
// freed last is used first, so that a short queue stays in the processor's cache.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/codel.hpp"
#include "proto/core/time.hpp"

namespace culvert::ip {

// A hash of addresses, protocol and ports. Of fragments: of addresses and protocol. 0 for bytes
// that are no IP packet.
std::uint32_t flow_hash(ByteView packet);

class FlowQueue {
 public:
  static constexpr std::size_t kFlows = 1024;
  static constexpr std::int64_t kQuantum = 8 * 1024;  // bytes that a flow may send in one turn
  struct Taken {
    MutableByteView bytes;  // valid until the next call of room()
    bool thin = false;      // CoDel: drop this packet, or mark it
  };

  static constexpr std::size_t kBlock = 256 * 1024;  // bytes; also the longest packet

  FlowQueue(std::size_t blocks, std::size_t packets);  // the most that wait

  MutableByteView room(std::size_t size);  // memory for one packet; empty: the queue is full
  // Adds the packet that lies in the first `size` bytes of the memory that room() gave.
  void push(Instant now, std::size_t size, std::uint32_t flow);
  std::optional<Taken> pop(Instant now);

  bool empty() const { return waiting_ == 0; }
  std::size_t waiting() const { return waiting_; }  // packets

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Packet {
    std::uint32_t block = 0;
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    std::uint32_t next = kNone;  // the flow's next packet
    std::uint32_t flow = 0;
    Instant since;
    bool waits = false;
  };
  struct Flow {
    std::uint32_t first = kNone, last = kNone;  // packets
    std::uint32_t next = kNone;                 // the next flow in new_ or old_
    bool listed = false;
    std::int64_t deficit = 0;
    std::size_t bytes = 0;
    Codel codel;
  };
  struct List {
    std::uint32_t first = kNone, last = kNone;  // flows
  };

  void append(List& list, std::uint32_t flow);
  std::uint32_t take_first(List& list);
  Packet& unlink(Flow& flow);  // takes the flow's first packet
  void release();              // frees the memory of packets that have left

  std::unique_ptr<std::uint8_t[]> memory_;
  std::vector<std::uint32_t> live_;  // number of packets in each block
  std::vector<std::uint32_t> free_;  // free blocks; the last one is used first
  std::vector<std::uint32_t> left_;  // blocks of packets that pop() gave
  std::uint32_t block_ = 0;          // block of the next packet
  std::size_t used_ = 0;             // bytes used of that block
  std::vector<Packet> packets_;      // in order of arrival: a ring
  std::uint32_t oldest_ = 0;
  std::uint32_t count_ = 0;  // ring entries in use, also of packets that left before older ones
  std::size_t waiting_ = 0;
  std::vector<Flow> flows_;
  List new_, old_;
  std::size_t largest_ = 0;
};

}  // namespace culvert::ip

// Packets of many flows that wait for one consumer, as FQ-CoDel has it (RFC 8290): a queue for
// each flow (by a hash, so some share one), served in turn by bytes, those that have just begun or
// send little first; each one that does not get short is thinned by CoDel. Pure.
//
// Memory is bounded and one for all: packets lie where they were written until they have left. When
// it is full the rest waits where it is. The block that got free last is used first, so that a
// short queue stays in the cache.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/codel.hpp"
#include "proto/core/time.hpp"

namespace culvert::ip {

// Of addresses, protocol and ports; of fragments and what is no IP, of less.
std::uint32_t flow_hash(ByteView packet);

class FlowQueue {
 public:
  static constexpr std::size_t kFlows = 1024;
  static constexpr std::int64_t kQuantum = 8 * 1024;  // bytes a flow and turn
  struct Taken {
    MutableByteView bytes;  // until the next call of room()
    bool thin = false;      // CoDel: drop one packet of it, or mark it
  };

  static constexpr std::size_t kBlock = 256 * 1024;  // bytes; the longest packet

  FlowQueue(std::size_t blocks, std::size_t packets);  // at most these wait

  MutableByteView room(std::size_t size);  // for one packet; empty: there is none
  void push(Instant now, std::size_t size, std::uint32_t flow);  // the front of what room() gave
  std::optional<Taken> pop(Instant now);

  bool empty() const { return waiting_ == 0; }
  std::size_t waiting() const { return waiting_; }  // packets

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Packet {
    std::uint32_t block = 0;
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    std::uint32_t next = kNone;  // of its flow
    std::uint32_t flow = 0;
    Instant since;
    bool waits = false;
  };
  struct Flow {
    std::uint32_t first = kNone, last = kNone;  // packets
    std::uint32_t next = kNone;                 // in its list
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
  Packet& unlink(Flow& flow);  // its first packet
  void release();              // the memory of what has left

  std::unique_ptr<std::uint8_t[]> memory_;
  std::vector<std::uint32_t> live_;  // packets in each block
  std::vector<std::uint32_t> free_;  // blocks; the last goes first
  std::vector<std::uint32_t> left_;  // blocks of packets that pop() gave
  std::uint32_t block_ = 0;          // of the next packet …
  std::size_t used_ = 0;             // … and where in it
  std::vector<Packet> packets_;      // in order of arrival: a ring
  std::uint32_t oldest_ = 0;
  std::uint32_t count_ = 0;  // with those that have left before others
  std::size_t waiting_ = 0;
  std::vector<Flow> flows_;
  List new_, old_;
  std::size_t largest_ = 0;
};

}  // namespace culvert::ip

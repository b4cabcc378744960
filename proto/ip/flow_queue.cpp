#include "proto/ip/flow_queue.hpp"

#include <algorithm>
#include <utility>

#include "proto/ip/packet.hpp"

namespace culvert::ip {
namespace {

std::uint64_t mix(std::uint64_t sum, const std::uint8_t* from, std::size_t words) {
  for (std::size_t i = 0; i < words; ++i) {
    sum = (sum ^ load_be<std::uint32_t>(from + 4 * i)) * 0x9E3779B97F4A7C15U;
    sum ^= sum >> 32U;
  }
  return sum;
}

// Rounds up to 64 bytes, so that each packet begins on a cache line.
std::size_t round_up(std::size_t size) { return (size + 63U) & ~std::size_t{63}; }

}  // namespace

std::uint32_t flow_hash(ByteView packet) {
  std::uint64_t sum = 0;
  std::size_t ports = 0;
  std::uint8_t protocol = 0;
  if (packet.size() >= kIpv6HeaderSize && packet[0] >> 4U == 6) {
    protocol = packet[6];
    ports = kIpv6HeaderSize;
    sum = mix(protocol, packet.data() + 8, 8);
  } else if (packet.size() >= kIpv4HeaderSize && packet[0] >> 4U == 4) {
    protocol = packet[9];
    const bool whole = (load_be<std::uint16_t>(packet.data() + 6) & 0x3FFFU) == 0;
    ports = whole ? (packet[0] & 15U) * std::size_t{4} : packet.size();
    sum = mix(protocol, packet.data() + 12, 2);
  }
  const bool has_ports = protocol == kTcp || protocol == kUdp;
  if (has_ports && packet.size() >= ports + 4) sum = mix(sum, packet.data() + ports, 1);
  return static_cast<std::uint32_t>(sum);
}

// The constructor does not touch the memory: the system provides a page only when it is used.
FlowQueue::FlowQueue(std::size_t blocks, std::size_t packets)
    : memory_(new std::uint8_t[blocks * kBlock]), live_(blocks), packets_(packets), flows_(kFlows) {
  for (std::size_t i = blocks; i > 1; --i) free_.push_back(static_cast<std::uint32_t>(i - 1));
  left_.reserve(packets);
}

void FlowQueue::append(List& list, std::uint32_t flow) {
  flows_[flow].next = kNone;
  (list.last == kNone ? list.first : flows_[list.last].next) = flow;
  list.last = flow;
}

std::uint32_t FlowQueue::take_first(List& list) {
  const std::uint32_t flow = list.first;
  list.first = flows_[flow].next;
  if (list.first == kNone) list.last = kNone;
  return flow;
}

FlowQueue::Packet& FlowQueue::unlink(Flow& flow) {
  Packet& packet = packets_[flow.first];
  flow.first = packet.next;
  if (flow.first == kNone) flow.last = kNone;
  flow.bytes -= packet.size;
  packet.waits = false;
  left_.push_back(packet.block);
  --waiting_;
  return packet;
}

void FlowQueue::release() {
  for (const std::uint32_t block : left_) {
    if (--live_[block] > 0) continue;
    if (block == block_) {
      used_ = 0;
    } else {
      free_.push_back(block);
    }
  }
  left_.clear();
  while (count_ > 0 && !packets_[oldest_].waits) {
    oldest_ = static_cast<std::uint32_t>((oldest_ + 1) % packets_.size());
    --count_;
  }
  if (count_ == 0) oldest_ = 0;
}

MutableByteView FlowQueue::room(std::size_t size) {
  release();
  if (count_ == packets_.size()) return {};
  if (kBlock - used_ < size) {
    if (free_.empty() || size > kBlock) return {};
    block_ = free_.back();
    free_.pop_back();
    used_ = 0;
  }
  return {memory_.get() + block_ * kBlock + used_, size};
}

void FlowQueue::push(Instant now, std::size_t size, std::uint32_t flow_of) {
  const auto index = static_cast<std::uint32_t>((oldest_ + count_) % packets_.size());
  const auto number = static_cast<std::uint32_t>(flow_of % kFlows);
  packets_[index] = {block_,
                     static_cast<std::uint32_t>(used_),
                     static_cast<std::uint32_t>(size),
                     kNone,
                     number,
                     now,
                     true};
  used_ = std::min(used_ + round_up(size), kBlock);
  ++live_[block_];
  ++count_;
  ++waiting_;
  largest_ = std::max(largest_, size);
  Flow& flow = flows_[number];
  (flow.last == kNone ? flow.first : packets_[flow.last].next) = index;
  flow.last = index;
  flow.bytes += size;
  if (flow.listed) return;
  flow.listed = true;
  flow.deficit = kQuantum;
  append(new_, number);
}

std::optional<FlowQueue::Taken> FlowQueue::pop(Instant now) {
  while (waiting_ > 0) {
    List& list = new_.first != kNone ? new_ : old_;
    Flow& flow = flows_[list.first];
    if (flow.deficit <= 0) {
      flow.deficit += kQuantum;
      append(old_, take_first(list));
    } else if (flow.first == kNone) {
      // A new flow that has run empty moves to the old flows once. Otherwise a flow could stay new,
      // and first, for ever (RFC 8290, 4.1.3).
      const std::uint32_t number = take_first(list);
      if (&list == &new_) {
        append(old_, number);
      } else {
        flow.listed = false;
      }
    } else {
      const Packet& packet = unlink(flow);
      flow.deficit -= packet.size;
      return Taken{{memory_.get() + packet.block * kBlock + packet.at, packet.size},
                   flow.codel.drop(now, now - packet.since, flow.bytes < largest_)};
    }
  }
  return std::nullopt;
}

}  // namespace culvert::ip

// Which process of a device opened a connection (decision 15). A laptop's agent draws a number when
// it starts and writes the number as the IPv6 flow label (RFC 6437) of each packet that opens a
// connection. The tunnel authenticates the packet, so only the device itself can announce its
// restart. The site then ends the connections of the device's earlier process.
#pragma once

#include <cstdint>

#include "proto/core/rng.hpp"
#include "proto/ip/packet.hpp"

namespace culvert::agent {

using ProcessTag = std::uint32_t;  // 20 bits; 0: none
inline constexpr ProcessTag kMaxProcessTag = 0xFFFFF;

// A TCP segment that opens a connection, in an IPv6 packet without extension headers.
inline bool opens_connection(ByteView packet) {
  constexpr std::size_t kFlags = ip::kIpv6HeaderSize + 13;
  return packet.size() > kFlags && packet[0] >> 4U == 6 && packet[6] == ip::kTcp &&
         (packet[kFlags] & (ip::kSyn | ip::kAck | ip::kRst)) == ip::kSyn;
}

// For packets that open a connection. No checksum covers the flow label.
inline ProcessTag process_tag_of(ByteView packet) {
  return load_be<std::uint32_t>(packet.data()) & kMaxProcessTag;
}

inline void set_process_tag(MutableByteView packet, ProcessTag tag) {
  store_be(packet.data(), (load_be<std::uint32_t>(packet.data()) & ~kMaxProcessTag) | tag);
}
inline void clear_process_tag(MutableByteView packet) { set_process_tag(packet, 0); }

// For the device's side: the number of this process.
inline ProcessTag draw_process_tag(Rng& rng) {
  return 1 + static_cast<ProcessTag>(rng.below(kMaxProcessTag));
}

// The present process of one device, and its last process. Packets of the last process may arrive
// late, and two running copies of a device must not end each other's connections in turn.
class Processes {
 public:
  // True: `tag` is of a new process, after at least one known process.
  bool is_new(ProcessTag tag) {
    if (tag == 0 || tag == current_ || tag == before_) return false;
    const bool any = current_ != 0;
    before_ = current_;
    current_ = tag;
    return any;
  }

 private:
  ProcessTag current_ = 0;
  ProcessTag before_ = 0;
};

}  // namespace culvert::agent

// What lwIP leaves to its caller: a check of the packets that it reads, and the checksum of those
// that it makes.
#pragma once

#include "proto/core/bytes.hpp"

namespace culvert::stack {

// True for TCP directly behind a whole IPv6 header, with well-formed options. lwIP gets no other
// packets, since it reads one byte too far in malformed options.
bool is_plain(ByteView packet);

// Adds the TCP checksum to a packet of lwIP's, which has none (CHECKSUM_GEN_TCP is off). Here the
// packet is in one piece and in the processor's cache.
void add_checksum(MutableByteView packet);

}  // namespace culvert::stack

// For an owner whose queues are its own and whose stream holds little (ByteStream::hold_little()):
// hands on what the stream takes now. To be called when something waits, and at `drained`.
#pragma once

#include <algorithm>

#include "proto/runtime/stream/stream.hpp"

namespace culvert::runtime {

// pull(room, out) appends bytes while there are less than `room`; asked with room 0 too. Up to
// twice the low water is held: from there `drained` comes.
template <class Pull>
void refill(ByteStream& stream, std::size_t low_water, Bytes& buffer, Pull pull) {
  do {
    buffer.clear();
    pull(2 * low_water - std::min(stream.unsent(), 2 * low_water), buffer);
    if (!buffer.empty()) stream.write(buffer);
  } while (!buffer.empty() && stream.unsent() <= low_water);
}

}  // namespace culvert::runtime

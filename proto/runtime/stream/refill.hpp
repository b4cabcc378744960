// Moves bytes from the owner's own queue to a stream that holds little (ByteStream::hold_little()).
// The owner calls refill() when bytes wait, and at the event `drained`.
#pragma once

#include <algorithm>

#include "proto/runtime/stream/stream.hpp"

namespace culvert::runtime {

// pull(room, out) appends bytes while `out` has less than `room`; it is called with room 0, too.
// The stream gets up to twice the low water mark, so that `drained` will come.
template <class Pull>
void refill(ByteStream& stream, std::size_t low_water, Bytes& buffer, Pull pull) {
  do {
    buffer.clear();
    pull(2 * low_water - std::min(stream.unsent(), 2 * low_water), buffer);
    if (!buffer.empty()) stream.write(buffer);
  } while (!buffer.empty() && stream.unsent() <= low_water);
}

}  // namespace culvert::runtime

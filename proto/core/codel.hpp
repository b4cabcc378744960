// CoDel's control law (RFC 8289, section 5): of a queue that packets have waited in for longer than
// `target` for a whole `interval`, it drops one, then more and more often until the wait is below
// the target again. Bursts pass. Pure; one object a queue.
#pragma once

#include <cstdint>

#include "proto/core/time.hpp"

namespace culvert {

class Codel {
 public:
  static constexpr Duration kTarget = 5ms;
  static constexpr Duration kInterval = 100ms;

  // For each packet that leaves the queue, after it has waited so long. True: it is to be dropped
  // (or marked), and the next to be asked for. `few`: hardly more than one packet is left behind
  // it, so there is nothing to shorten.
  bool drop(Instant now, Duration waited, bool few);

 private:
  Instant next_drop() const;  // of count_, from drop_at_

  Instant above_since_ = Instant::never();  // the wait is above the target since
  Instant drop_at_;
  std::uint32_t count_ = 0;         // drops since dropping began …
  std::uint32_t count_before_ = 0;  // … and what it began with
  bool dropping_ = false;
};

}  // namespace culvert

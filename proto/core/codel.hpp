// CoDel's control law (RFC 8289, section 5). Once packets have waited in a queue for longer than
// kTarget during a whole kInterval, CoDel drops one packet, then more and more often until the wait
// is below kTarget again. Short bursts pass. Pure; each queue has its own object.
#pragma once

#include <cstdint>

#include "proto/core/time.hpp"

namespace culvert {

class Codel {
 public:
  static constexpr Duration kTarget = 5ms;
  static constexpr Duration kInterval = 100ms;

  // Called for each packet that leaves the queue; `waited` is the packet's time in the queue. True:
  // drop the packet (or mark it), and call drop() for the next packet. `few`: hardly more than one
  // packet is left in the queue, so there is nothing to shorten.
  bool drop(Instant now, Duration waited, bool few);

 private:
  Instant next_drop() const;  // drop_at_ and the interval that count_ gives

  Instant above_since_ = Instant::never();  // since when the wait has been above kTarget
  Instant drop_at_;
  std::uint32_t count_ = 0;         // sets the drop rate; grows by one with each further drop
  std::uint32_t count_before_ = 0;  // the value of count_ when dropping began
  bool dropping_ = false;
};

}  // namespace culvert

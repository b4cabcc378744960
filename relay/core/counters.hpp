// The relay's counters since its start, for `/metrics`. Events that a stranger can cause are
// counted here and never logged.
#pragma once

#include <cstdint>

namespace culvert::relay {

struct Counters {
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_refused = 0;  // no room, or the relay is draining
  std::uint64_t logins = 0;
  std::uint64_t logins_refused = 0;  // for the box, the challenge, the ticket or the time
  std::uint64_t tickets_renewed = 0;
  std::uint64_t tickets_refused = 0;  // renewals
  std::uint64_t tickets_expired = 0;  // connections closed because a ticket ended
  std::uint64_t malformed = 0;        // connections closed because of bad frames
  std::uint64_t frames_skipped = 0;   // unknown types
  std::uint64_t packets_received = 0;
  std::uint64_t bytes_received = 0;  // bytes of packets
  std::uint64_t packets_queued = 0;  // packets queued for their destination
  std::uint64_t bytes_sent = 0;      // bytes of frames given to transports
  std::uint64_t dropped_not_pair = 0;
  std::uint64_t dropped_not_here = 0;
  std::uint64_t dropped_queue = 0;  // the queue was full
  std::uint64_t dropped_late = 0;   // by CoDel
  std::uint64_t dropped_rate = 0;
  std::uint64_t silent = 0;   // connections closed for kDeadAfter
  std::uint64_t stalled = 0;  // connections closed for kWriteStall
};

}  // namespace culvert::relay

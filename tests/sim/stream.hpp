// Streams of the simulator's network, and the listeners that accept them. A stream has two ends,
// and bytes on their way to each end.
//
// Streams are ordered and reliable, as TCP is, and reach public listeners only. Loss delays a
// stream. A cut between the hosts of a stream holds the stream's bytes back and, after kStreamDead,
// breaks the stream at both ends. A message stream keeps boundaries (WebSocket), a byte stream does
// not.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "proto/core/bytes.hpp"
#include "proto/core/time.hpp"
#include "tests/sim/paths.hpp"

namespace culvert::sim {

using StreamId = std::uint64_t;

inline constexpr Duration kStreamDead = 15s;  // TCP_USER_TIMEOUT
inline constexpr Duration kRetransmit = 200ms;

enum class Framing { kMessages, kBytes };

// The callbacks of one end of a stream. None is called after close() or after `closed`.
struct StreamEvents {
  std::function<void()> opened;  // only at the end that opened the stream
  std::function<void(ByteView)> data;
  std::function<void(const std::string& why)> closed;
};

using OnAccept = std::function<StreamEvents(StreamId, HostId from)>;

struct Listener {
  Framing framing = Framing::kMessages;
  OnAccept accept;
};

struct StreamEnd {
  HostId host = 0;
  StreamEvents events;
  bool open = false;
  std::deque<Bytes> coming;  // bytes on their way to this end
  Instant last_arrival;
  bool closing = false;  // the other end has closed; `closed` is called after `coming`
};

struct Stream {
  Framing framing = Framing::kMessages;
  StreamEnd ends[2];
  std::optional<Instant> held_since;  // since when a cut holds bytes back
};

}  // namespace culvert::sim

// TCP over IPv6 in user space: mesh packets on one side, byte streams on the other (lwIP inside).
//
// lwIP keeps its state in globals: there is one Netstack in a process, and it lives on the loop's
// thread. Events are never raised from inside lwIP, so a stream may be closed in its own events.
//
// Bounds. Addresses, connections, bytes waiting for slow readers and packets waiting to leave are
// limited by the constants below; what does not fit is dropped (TCP sends it again) or refused, and
// counted. A stream's window opens only as its reader takes bytes, so a slow reader slows its peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/loop.hpp"
#include "proto/runtime/stream.hpp"

namespace culvert::device {

constexpr std::size_t kMaxAddresses = 120;     // service addresses of this process
constexpr std::size_t kMaxConnections = 1024;  // open, half-open and in TIME_WAIT together
constexpr std::size_t kMaxListeners = 256;
constexpr std::size_t kMaxHeldBytes = 64U << 20U;  // received packets not yet read, all streams
constexpr std::size_t kMaxQueuedPackets = 8192;    // made and not yet handed to `output`

struct NetstackOptions {
  std::uint16_t mtu = 1420;  // of the mesh; 1280 at least (RFC 8200 §5)
};

struct NetstackCounters {
  std::uint64_t packets_in = 0, packets_out = 0;
  std::uint64_t dropped_in = 0;   // malformed, too large, or kMaxHeldBytes reached
  std::uint64_t dropped_out = 0;  // kMaxQueuedPackets reached
  std::uint64_t accepted = 0, refused = 0, connected = 0;
  std::size_t connections = 0;  // now
  std::size_t held_bytes = 0;   // now
};

class Netstack {
 public:
  // Packets as they go into the tunnel; the views end with the call. Calling input() in it is
  // allowed.
  using Output = std::function<void(std::span<const ByteView> packets)>;
  using Accepted = std::function<void(std::unique_ptr<runtime::ByteStream>, Endpoint peer)>;
  using Connected = std::function<void(Result<std::unique_ptr<runtime::ByteStream>>)>;

  // `loop` and `rng` outlive the netstack, the netstack outlives nothing: streams that are still
  // open when it is destroyed are closed and never speak again.
  Netstack(runtime::Loop& loop, Rng& rng, NetstackOptions options, Output output);
  ~Netstack();
  Netstack(const Netstack&) = delete;
  Netstack& operator=(const Netstack&) = delete;

  // IPv6 packets that came out of the tunnel and passed the grant filter. Copied as needed.
  void input(std::span<const ByteView> packets);

  Status add_address(const IpAddress& address);   // again: no effect; full: kExhausted
  void remove_address(const IpAddress& address);  // its connections abort, its listeners end

  Status listen(const Endpoint& local, Accepted on_accept);
  void unlisten(const Endpoint& local);  // open connections go on

  // From `source`, one of our addresses, and a random port. The callback comes once, later, with an
  // open stream or kUnavailable (refused), kTimeout, kExhausted, kInvalid (not our address).
  void connect(const IpAddress& source, const Endpoint& to, Duration timeout, Connected done);

  // Cuts (RST, `closed` with kDenied) every connection for which `cut(local, remote)` is true.
  void abort_if(const std::function<bool(const Endpoint& local, const Endpoint& remote)>& cut);

  NetstackCounters counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::device

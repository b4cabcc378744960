// TCP over IPv6 in user space: mesh packets on one side, byte streams on the other (lwIP inside).
//
// lwIP keeps its state in globals: there is one Netstack in a process, and it lives on the loop's
// thread. Events are never raised from inside lwIP, so a stream may be closed in its own events.
//
// Limits. The constants below and in lwip/tcp_share.h limit addresses, connections, segments, bytes
// that wait for slow readers, and packets that wait to be sent. Beyond a limit, packets are dropped
// (TCP sends them again) or connections refused, and counted. Within a limit a peer gets more while
// it has less than is still free, so that the next peer always finds a share (decision 12). A
// stream's window opens only as its reader takes bytes, so a slow reader slows its peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "agent/stack/stack.hpp"
#include "proto/core/rng.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::stack {

constexpr std::size_t kMaxHeldBytes = 64U << 20U;  // received and not yet read, of all streams

struct NetstackOptions {
  std::uint16_t mtu = kMeshMtu;    // 1280 at least (RFC 8200 §5)
  std::function<Instant()> clock;  // steady; null: the loop's
};

struct NetstackCounters {
  std::uint64_t packets_in = 0, packets_out = 0;
  std::uint64_t dropped_in = 0;   // malformed, too large, or kMaxHeldBytes reached
  std::uint64_t dropped_out = 0;  // the queue of outgoing.hpp was full
  std::uint64_t accepted = 0, refused = 0, connected = 0;
  std::uint64_t unsound = 0;     // connections reset because lwIP's state was inconsistent
  std::size_t connections = 0;   // at present
  std::size_t held_bytes = 0;    // at present
  std::size_t closed_bytes = 0;  // at present: of closed streams, not yet acknowledged
};

class Netstack final : public Stack {
 public:
  // `loop` and `rng` outlive the netstack. Streams may outlive the netstack: its destructor closes
  // them, and they deliver no more events.
  Netstack(runtime::Loop& loop, Rng& rng, NetstackOptions options, Output output);
  ~Netstack() override;

  const char* name() const override { return "lwip"; }
  void input(std::span<const ByteView> packets) override;
  Status add_address(const IpAddress& address) override;
  void remove_address(const IpAddress& address) override;
  Status listen(const Endpoint& local, Accepted on_accept) override;
  void unlisten(const Endpoint& local) override;
  void connect(const IpAddress& source, const Endpoint& to, Duration timeout,
               Connected done) override;
  void abort_if(
      const std::function<bool(const Endpoint& local, const Endpoint& remote)>& cut) override;
  void end_peer(const IpAddress& peer) override;

  // Does what the stack's timer does every 50 ms. For callers with a simulated clock, which never
  // run the loop; they call input() after tick().
  void tick();

  NetstackCounters counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::stack

// TCP over IPv6 for the mesh: packets on one side, byte streams on the other. One interface, two
// stacks: lwIP in this process (netstack.hpp), which works everywhere, and the kernel's in a
// namespace of its own (kernel_stack.hpp), which is faster.
//
// Everything happens on the loop's thread. No event is raised from inside a call, so a stream may
// be closed in its own events. Made packets leave by the constructor's `output`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::stack {

constexpr std::size_t kMaxAddresses = 120;      // service addresses of this process
constexpr std::size_t kMaxConnections = 16384;  // open, half-open and in TIME_WAIT together
constexpr std::size_t kMaxListeners = 256;
constexpr std::uint16_t kMeshMtu = 1420;

class Stack {
 public:
  // Packets as they go into the tunnel; the views end with the call. Calling input() in it is
  // allowed.
  using Output = std::function<void(std::span<const ByteView> packets)>;
  using Accepted = std::function<void(std::unique_ptr<runtime::ByteStream>, Endpoint peer)>;
  using Connected = std::function<void(Result<std::unique_ptr<runtime::ByteStream>>)>;

  Stack() = default;
  virtual ~Stack() = default;  // streams that are still open never speak again
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  virtual const char* name() const = 0;  // as in the configuration

  // IPv6 packets that came out of the tunnel and passed the grant filter. Copied as needed.
  virtual void input(std::span<const ByteView> packets) = 0;

  virtual Status add_address(const IpAddress& address) = 0;   // again: no effect; full: kExhausted
  virtual void remove_address(const IpAddress& address) = 0;  // its connections abort, its
                                                              // listeners end
  virtual Status listen(const Endpoint& local, Accepted on_accept) = 0;
  virtual void unlisten(const Endpoint& local) = 0;  // open connections go on

  // From `source`, one of our addresses, and a port of the stack's choice. The callback comes once,
  // later, with an open stream or kUnavailable (refused), kTimeout, kExhausted, kInvalid (not our
  // address).
  virtual void connect(const IpAddress& source, const Endpoint& to, Duration timeout,
                       Connected done) = 0;

  // Cuts (RST, `closed` with kDenied) every connection for which `cut(local, remote)` is true.
  virtual void abort_if(
      const std::function<bool(const Endpoint& local, const Endpoint& remote)>& cut) = 0;

  // The peer with this mesh address has started anew and knows none of its old connections: cuts
  // (RST, `closed` with kUnavailable) each that is open or half-open. A connection that this side
  // is still opening goes on: the started peer answers it.
  virtual void end_peer(const IpAddress& peer) = 0;
};

}  // namespace culvert::stack

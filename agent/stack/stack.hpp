// TCP over IPv6 for the mesh: packets on one side, byte streams on the other. One interface, two
// stacks: lwIP in this process (netstack.hpp), which works everywhere, and the kernel's in a
// namespace of its own (kernel_stack.hpp), which is faster.
//
// Everything happens on the loop's thread. No event is raised from inside a call, so a stream may
// be closed in its own events. The stack's packets go to the constructor's `output`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/core/roomy_packet.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::stack {

constexpr std::size_t kMaxAddresses = 120;      // service addresses of this process
constexpr std::size_t kMaxConnections = 16384;  // open, half-open and in TIME_WAIT together
constexpr std::size_t kMaxListeners = 256;
constexpr std::uint16_t kMeshMtu = 1420;

class Stack {
 public:
  // Packets for the tunnel, with kRoomBefore and kRoomBehind around each. The memory is valid in
  // the call. The callback may change the memory, and may call input().
  using Output = std::function<void(std::span<const RoomyPacket> packets)>;
  using Accepted = std::function<void(std::unique_ptr<runtime::ByteStream>, Endpoint peer)>;
  using Connected = std::function<void(Result<std::unique_ptr<runtime::ByteStream>>)>;

  Stack() = default;
  virtual ~Stack() = default;  // streams that are still open deliver no more events
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  virtual const char* name() const = 0;  // the name in the configuration

  // IPv6 packets from the tunnel that passed the grant filter. The stack copies what it keeps.
  virtual void input(std::span<const ByteView> packets) = 0;

  // No effect for an address that is there already. kExhausted: kMaxAddresses are there.
  virtual Status add_address(const IpAddress& address) = 0;
  // Aborts the address's connections and ends its listeners.
  virtual void remove_address(const IpAddress& address) = 0;
  virtual Status listen(const Endpoint& local, Accepted on_accept) = 0;
  virtual void unlisten(const Endpoint& local) = 0;  // open connections go on

  // Connects from `source`, one of our addresses, with a port that the stack chooses. The callback
  // comes once, later, with an open stream or kUnavailable (refused), kTimeout, kExhausted, or
  // kInvalid (`source` is not ours).
  virtual void connect(const IpAddress& source, const Endpoint& to, Duration timeout,
                       Connected done) = 0;

  // Cuts (RST, `closed` with kDenied) every connection for which `cut(local, remote)` is true.
  virtual void abort_if(
      const std::function<bool(const Endpoint& local, const Endpoint& remote)>& cut) = 0;

  // The peer with this mesh address has restarted and knows none of its old connections. Cuts (RST,
  // `closed` with kUnavailable) each open or half-open connection with it. A connection that this
  // side is still opening goes on: the restarted peer answers it.
  virtual void end_peer(const IpAddress& peer) = 0;
};

}  // namespace culvert::stack

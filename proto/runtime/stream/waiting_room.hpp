// Limits accepted connections whose peers have not proven their identity yet: a Room (proto/core)
// for TcpStreams. A connection has a place from take_in() until ByteStream::lift_limits() or until
// its socket closes, through all layers above (TLS, HTTP, WebSocket, linger()). When no place is
// free, the Room chooses another stranger's connection, which is reset.
#pragma once

#include <cstdint>
#include <memory>

#include "proto/core/room.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::runtime {

// A program has two rooms: one for its public listener, where one source may have a quarter of the
// places (an office of 200 laptops behind one NAT), and one for health checks and metrics.
inline constexpr std::size_t kMaxStrangers = 1024;
inline constexpr std::size_t kMaxWatchers = 64;

class WaitingRoom {
 public:
  WaitingRoom(std::size_t places, std::size_t share,
              Rng& rng);  // `rng` outlives the room; see Room

  void take_in(TcpStream& stream, const Endpoint& peer);  // before start()
  std::size_t size() const;
  std::uint64_t replaced() const;  // connections that were reset for newer ones

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;  // places have weak pointers to it and may outlive the room
};

}  // namespace culvert::runtime

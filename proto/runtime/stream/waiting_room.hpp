// Where accepted connections wait until their peers have proven who they are: a core Room around
// TcpStreams. A connection has its place from take_in() until ByteStream::lift_limits() or until
// its socket is gone, whatever happens to it in between (TLS, HTTP, WebSocket, last words). When
// there is no place, another stranger's connection is reset, as Room chooses.
#pragma once

#include <cstdint>
#include <memory>

#include "proto/core/room.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::runtime {

// Two rooms a program: of the door for everybody, where one source has a quarter (an office of 200
// laptops behind one NAT), and of the door for health checks and metrics.
inline constexpr std::size_t kMaxStrangers = 1024;
inline constexpr std::size_t kMaxWatchers = 64;

class WaitingRoom {
 public:
  WaitingRoom(std::size_t places, std::size_t share, Rng& rng);  // as Room; `rng` outlives it

  void take_in(TcpStream& stream, const Endpoint& peer);  // before start()
  std::size_t size() const;
  std::uint64_t replaced() const;  // connections that were reset for newer ones

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;  // the places point at it weakly: they may outlive the room
};

}  // namespace culvert::runtime

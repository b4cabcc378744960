// Bounds the unacknowledged bytes of closed streams. After an application has closed a stream, only
// ClosedStreams limits these bytes: otherwise a peer that reads nothing could fill the memory with
// connection after connection.
//
// A peer may have as many bytes as are still free for others. When it would have more, the peer's
// connection that was closed first is reset.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>

#include "proto/core/endpoint.hpp"

namespace culvert::stack {

constexpr std::size_t kMaxClosedBytes = 64U << 20U;

class Connection;

class ClosedStreams {
 public:
  // The place of one connection in ClosedStreams; the connection owns it.
  struct Place {
    std::size_t bytes = 0;  // 0: the connection has no place
    std::list<Connection*>::iterator at;
  };

  // Takes a place for the connection, and cuts older connections with the same peer if necessary.
  // False: there is no room in spite of that.
  bool enter(Connection& connection, Place& place, std::size_t bytes);
  void acknowledged(const Connection& connection, Place& place, std::size_t bytes);
  void leave(const Connection& connection, Place& place);

  std::size_t bytes() const { return bytes_; }

 private:
  struct Peer {
    std::size_t bytes = 0;
    std::list<Connection*> oldest_first;
  };

  std::size_t bytes_ = 0;
  std::unordered_map<IpAddress, Peer> peers_;
};

}  // namespace culvert::stack

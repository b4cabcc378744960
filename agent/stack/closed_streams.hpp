// Bytes that were written to streams which are closed since, and which their peers have not
// acknowledged. The application has let them go, so nothing but this bounds them: a peer that reads
// nothing would fill the memory with connection after connection.
//
// A peer may have as much as is still free for others. When it would have more, its connection that
// was closed first is reset.
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
  // Where a connection stands in here; the connection keeps it.
  struct Place {
    std::size_t bytes = 0;  // 0: it is not in here
    std::list<Connection*>::iterator at;
  };

  // May cut older connections with the same peer. False: there is no room even so.
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

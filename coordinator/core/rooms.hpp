// Rooms: how many connections the core keeps. Connections that have proven nothing have a room of
// their own, by source. So strangers take no place from nodes (by site) or from persons who have
// proven a key of a root (by key). In a full room a new connection replaces a random connection of
// the fullest owner.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "coordinator/core/core.hpp"
#include "coordinator/core/pool.hpp"
#include "proto/core/endpoint.hpp"

namespace culvert::coordinator {

enum class Room { kUnproven, kNodes, kPersons };
inline constexpr std::array<std::size_t, 3> kRoomSizes = {1024, 8192, 512};
// Of one person's key; beyond, a random connection is closed.
inline constexpr std::size_t kMaxConnectionsOfKey = 16;

// The source that pays for a connection before its login: an IPv4 address, the /64 of an IPv6
// address, or any other text as it is. `from` is "ADDRESS", "ADDRESS:PORT" or a name.
std::string source_of(std::string_view from);

// The client's address. If `from` is one of `proxies`, that is the last hop of X-Forwarded-For that
// is not itself one of `proxies`; otherwise `from`. Only the configured proxies are believed.
IpAddress client_hop(const IpAddress& from, std::string_view forwarded,
                     const std::set<IpAddress>& proxies);

class Rooms {
 public:
  // Moves the connection to `room` and out of any other. Returns the connection that must be closed
  // to make room, if any.
  std::optional<ConnectionId> enter(Room room, const std::string& owner, ConnectionId id, Rng& rng);
  void leave(ConnectionId id);
  std::size_t size(Room room) const { return pool(room).size(); }
  bool has(Room room, ConnectionId id) const { return pool(room).contains(id); }

 private:
  Pool<ConnectionId>& pool(Room room) { return pools_[static_cast<std::size_t>(room)]; }
  const Pool<ConnectionId>& pool(Room room) const { return pools_[static_cast<std::size_t>(room)]; }

  std::array<Pool<ConnectionId>, 3> pools_;
};

}  // namespace culvert::coordinator

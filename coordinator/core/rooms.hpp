// Room for connections. What has proven nothing yet has a room of its own, by source, so it takes
// no place from nodes (by site) or from persons who have proven a key of a root (by key). A full
// room replaces a random connection of its fullest owner.
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
inline constexpr std::size_t kMaxConnectionsOfKey = 16;  // of one person's key; a random one goes

// The source that a connection is charged to before its login: an IPv4 address, the /64 of an IPv6
// address; of any other text the text itself. `from` is "ADDRESS", "ADDRESS:PORT" or a name.
std::string source_of(std::string_view from);

// Whose connection it is behind `proxies`: where `from` is one of them, the last hop of its
// X-Forwarded-For that is none. What anybody else says there counts for nothing.
IpAddress client_hop(const IpAddress& from, std::string_view forwarded,
                     const std::set<IpAddress>& proxies);

class Rooms {
 public:
  // The connection is in this room from now on, and in no other. → the one that must be closed.
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

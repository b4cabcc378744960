#include "coordinator/core/rooms.hpp"

#include <algorithm>

#include "proto/core/endpoint.hpp"

namespace culvert::coordinator {

std::string source_of(std::string_view from) {
  auto address = parse_address(from);
  if (!address) {
    if (const auto endpoint = parse_endpoint(from)) address = endpoint->address;
  }
  if (!address) return std::string(from);
  if (address->is_v4()) return format(*address);
  std::fill(address->bytes.begin() + 8, address->bytes.end(), std::uint8_t{0});
  return format(*address) + "/64";
}

IpAddress client_hop(const IpAddress& from, std::string_view forwarded,
                     const std::set<IpAddress>& proxies) {
  auto hop = from;
  while (proxies.contains(hop) && !forwarded.empty()) {
    const auto comma = forwarded.rfind(',');
    auto last = comma == std::string_view::npos ? forwarded : forwarded.substr(comma + 1);
    forwarded = comma == std::string_view::npos ? std::string_view() : forwarded.substr(0, comma);
    while (last.starts_with(' ')) last.remove_prefix(1);
    while (last.ends_with(' ')) last.remove_suffix(1);
    const auto address = parse_address(last);
    if (!address) return hop;  // not an address: the last proxy's address counts
    hop = *address;
  }
  return hop;
}

std::optional<ConnectionId> Rooms::enter(Room room, const std::string& owner, ConnectionId id,
                                         Rng& rng) {
  leave(id);
  auto& here = pool(room);
  std::optional<ConnectionId> leaves;
  if (room == Room::kPersons && here.count(owner) >= kMaxConnectionsOfKey) {
    leaves = here.any_of(owner, rng);
  } else if (here.size() >= kRoomSizes[static_cast<std::size_t>(room)]) {
    leaves = here.any_of_fullest(rng);
  }
  if (leaves) here.remove(*leaves);
  here.add(owner, id);
  return leaves;
}

void Rooms::leave(ConnectionId id) {
  for (auto& pool : pools_) pool.remove(id);
}

}  // namespace culvert::coordinator

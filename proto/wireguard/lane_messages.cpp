#include "proto/wireguard/lane_messages.hpp"

#include <algorithm>
#include <utility>

namespace culvert::wireguard {

void LaneChanges::set(PeerId id, LanePeerState state) {
  auto& known = peers[id];
  state.given_up = state.given_up || (known && known->given_up);
  known = std::move(state);
}

void LaneChanges::merge(const LaneChanges& later) {
  for (const auto& [id, state] : later.peers) {
    if (state) {
      set(id, *state);
    } else {
      peers[id].reset();
    }
  }
  for (const auto& [prefix, owner] : later.routes) routes[prefix] = owner;
  if (later.mtu) mtu = later.mtu;
}

void LaneReport::merge(const LaneReport& later) {
  sent = std::max(sent, later.sent);  // an empty optional is less than any time
  sent_data = std::max(sent_data, later.sent_data);
  received = std::max(received, later.received);
  received_data = std::max(received_data, later.received_data);
  sent_bytes += later.sent_bytes;
  received_bytes += later.received_bytes;
  if (later.came_from) came_from = later.came_from;
  if (later.proven) proven = later.proven;
  wants_session = wants_session || later.wants_session;
}

void LaneReports::merge(PeerId id, const LaneReport& later) {
  peers[id].merge(later);
  urgent = urgent || later.urgent();
}

}  // namespace culvert::wireguard

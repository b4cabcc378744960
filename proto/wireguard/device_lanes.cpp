// The part of Device that works with lanes (lane.hpp).
#include <algorithm>
#include <array>

#include "proto/wireguard/device.hpp"

namespace culvert::wireguard {

void Device::apply(Now now, const LaneReports& reports, Output& out) {
  for (const auto& [id, report] : reports.peers) {
    Peer* peer = find(report.peer);
    // The serial differs when the peer was removed and added again meanwhile: drop the report.
    if (peer != nullptr && peer->serial == id.value) hear(now, *peer, report, out);
  }
  settle(now, out);
}

void Device::update_lanes(Peer& peer, bool given_up) {
  const LanePeerState state{
      peer.keys.public_key, peer.way, peer.keypairs.shared_current(), peer.keypairs.shared_next(),
      peer.keypairs.all(),  given_up};
  lane_.set(*peer.lane, state);
  lane_feed_.set(peer.lane->id, state);
}

// What a lane did for the peer, at the times of the report: the timers hear of it, and sessions
// begin where one is wanted.
void Device::hear(Now now, Peer& peer, const LaneReport& report, Output& out) {
  peer.sent_bytes += report.sent_bytes;
  peer.received_bytes += report.received_bytes;
  if (report.came_from) roam(peer, *report.came_from);
  const Keypair* next = peer.keypairs.next();
  if (report.proven && next != nullptr && next->local == *report.proven) {
    confirm(now, peer, next, out);
  }
  keep_fresh(now, peer, report.sent.has_value(), report.received.has_value(), out);
  if (report.received) peer.unanswered_since.reset();

  // In order of time, and events of the same time in this order.
  constexpr std::array kHappened = {&Timers::authenticated_received, &Timers::data_received,
                                    &Timers::authenticated_sent, &Timers::data_sent};
  using Event = std::pair<std::optional<Instant>, std::size_t>;  // when, index in kHappened
  std::array<Event, kHappened.size()> events{
      {{report.received, 0}, {report.received_data, 1}, {report.sent, 2}, {report.sent_data, 3}}};
  std::sort(events.begin(), events.end());
  for (const auto& [when, which] : events) {
    if (when) (peer.timers.*kHappened.at(which))(*when);
  }
  const Keypair* current = peer.keypairs.current();
  if (report.wants_session && (current == nullptr || !current->may_seal(now.steady))) {
    start_handshake(now, peer, false, out);
  }
  deadlines_.watch(peer);
}

}  // namespace culvert::wireguard

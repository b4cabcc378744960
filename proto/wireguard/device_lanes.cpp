// The part of Device that works with lanes (lane.hpp).
#include <algorithm>
#include <array>

#include "proto/wireguard/device.hpp"

namespace culvert::wireguard {

namespace {

// Events of the same time are told in the order of kEvents.
void tell_in_order(Timers& timers, const LaneReport& report) {
  using Event = std::pair<Instant, std::size_t>;  // when, index in kEvents
  constexpr std::array kEvents = {&Timers::authenticated_received, &Timers::data_received,
                                  &Timers::authenticated_sent, &Timers::data_sent};
  std::array<Event, kEvents.size()> events;
  auto end = events.begin();
  std::size_t index = 0;
  for (const auto& when : {report.received, report.received_data, report.sent, report.sent_data}) {
    if (when) *end++ = {*when, index};
    ++index;
  }
  std::sort(events.begin(), end);
  for (auto at = events.begin(); at != end; ++at) (timers.*kEvents.at(at->second))(at->first);
}

// The timers hear of events in order of time. The two events of one direction concern different
// timers, so their order does not matter.
void tell_timers(Timers& timers, const LaneReport& report) {
  if (report.sent && report.received) return tell_in_order(timers, report);
  if (report.received) timers.authenticated_received(*report.received);
  if (report.received_data) timers.data_received(*report.received_data);
  if (report.sent) timers.authenticated_sent(*report.sent);
  if (report.sent_data) timers.data_sent(*report.sent_data);
}

}  // namespace

void Device::apply(Now now, const LaneReports& reports, Output& out) {
  for (const auto& [id, report] : reports.peers) {
    const LanePeer* peer = lane_.find(id);  // null: the peer has been removed meanwhile
    if (peer != nullptr) hear(now, *peer->owner, report, out);
  }
  settle(now, out);
}

void Device::update_lanes(Peer& peer, bool given_up) {
  const LanePeerState state{peer.keypairs.shared_current(), peer.keys.public_key, peer.way,
                            peer.keypairs.shared_next(),    peer.keypairs.all(),  given_up};
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

  tell_timers(peer.timers, report);
  const Keypair* current = peer.keypairs.current();
  if (report.wants_session && (current == nullptr || !current->may_seal(now.steady))) {
    start_handshake(now, peer, false, out);
  }
  watch(deadlines_, peer);
}

}  // namespace culvert::wireguard

// The part of Device that works with lanes (lane.hpp).
#include <algorithm>
#include <array>

#include "proto/wireguard/device.hpp"

namespace culvert::wireguard {

void Device::apply(Now now, const LaneReports& reports, Output& out) {
  for (const auto& [id, report] : reports.peers) {
    Peer* peer = find(report.peer);
    // The serial differs when the peer was removed and added again meanwhile: drop the report.
    if (peer != nullptr && peer->serial == id.value) apply(now, *peer, report, out);
  }
  settle(now, out);
}

// Does what receive(), send() and settle() would have done at the times of the report.
void Device::apply(Now now, Peer& peer, const LaneReport& report, Output& out) {
  touch(peer);
  peer.sent_bytes += report.sent_bytes;
  peer.received_bytes += report.received_bytes;
  if (report.came_from) roam(peer, *report.came_from);
  const Keypair* next = peer.keypairs.next();
  if (report.proven && next != nullptr && next->local == *report.proven) {
    confirm(now, peer, next, out);
  }
  keep_fresh(now, peer, report.sent.has_value(), report.received.has_value(), out);
  if (report.received) peer.unanswered_since.reset();

  using Event = std::pair<std::optional<Instant>, void (Timers::*)(Instant)>;
  std::array<Event, 4> events{{{report.received, &Timers::authenticated_received},
                               {report.received_data, &Timers::data_received},
                               {report.sent, &Timers::authenticated_sent},
                               {report.sent_data, &Timers::data_sent}}};
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.first < b.first; });
  for (const auto& [when, happened] : events) {
    if (when) (peer.timers.*happened)(*when);
  }
  const Keypair* current = peer.keypairs.current();
  if (report.wants_session && (current == nullptr || !current->may_seal(now.steady))) {
    start_handshake(now, peer, false, out);
  }
}

}  // namespace culvert::wireguard

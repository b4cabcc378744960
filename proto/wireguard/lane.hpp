// The fast path of a device: seals and opens transport packets with tables of its own. Handshakes,
// timers and configuration are the Device's. A Device has one Lane, which it calls directly.
// Further lanes, made before the device has peers, run on threads of their own:
//
//   Device (control thread)                        Lane (its own thread)
//     take_changes() ── peers, sessions, routes ──▶  apply()
//     apply()        ◀── reports, by peer ─────────  take_reports()
//     receive()      ◀── handshake messages ───────  receive()'s `rest`
//
// A lane must know a session before the peer can use it. So the code that carries the messages
// delivers the changes of a device call before it sends the datagrams of the same call, and a lane
// calls apply() before its next batch. Packets without a session wait in the lane (kMaxStaged a
// peer, then the oldest goes), so that the packets of a flow stay in order; the lane's report asks
// the device for a session. Lanes share keypairs only. A lane erases state when the device says so.
#pragma once

#include <list>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "proto/wireguard/allowed_ips.hpp"
#include "proto/wireguard/device_types.hpp"
#include "proto/wireguard/lane_messages.hpp"
#include "proto/wireguard/output.hpp"
#include "proto/wireguard/transport.hpp"

namespace culvert::wireguard {

struct Peer;
struct LanePeer {                     // first what each packet needs, so that it shares cache lines
  Peer* owner = nullptr;              // in a Device's own lane; null in a further lane
  std::optional<std::size_t> report;  // place in Lane::reports_
  LanePeerState now;
  PeerId id;
  std::list<Bytes> staged;
};

class Lane {
 public:
  explicit Lane(const DeviceOptions& options) : options_(options) {}  // the device's options
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // send(), receive() and apply() append to `out`. A packet with enough room is sealed in place.
  void send(Instant now, std::span<const RoomyPacket> packets, Output& out);
  void send(Instant now, std::span<const ByteView> packets, Output& out);
  void receive(Instant now, std::span<Datagram> datagrams, Output& out,
               std::vector<Datagram>& rest);  // appends the handshake messages, for the device
  void apply(Instant now, const LaneChanges& changes, Output& out);

  bool has_reports() const { return !reports_.empty(); }
  void take_reports(LaneReports& into);  // merges the reports into `into`
  const Counters& counters() const { return counters_; }

  // For the Device that has this lane.
  Counters& counters() { return counters_; }  // the device counts here, too
  AllowedIps& routes() { return routes_; }
  const AllowedIps& routes() const { return routes_; }
  LanePeer& add(PeerId id, Peer* owner = nullptr);
  void remove(LanePeer& peer);
  void set(LanePeer& peer, const LanePeerState& state);
  void set_mtu(std::size_t mtu) { options_.mtu = mtu; }
  LanePeer* find(SessionIndex index) const;  // null: no session has this index
  LanePeer* find(PeerId id) const;           // null: no such peer, or removed
  // These lay datagrams out, which seal() then seals.
  bool send_keepalive(Instant now, LanePeer& peer, Output& out);  // false: no session
  void flush_staged(Instant now, LanePeer& peer, Output& out);
  void seal() { seals_.seal(); }
  LaneReport& report(LanePeer& peer);  // valid until the next call
  // Calls `hear(Peer&, const LaneReport&)` for each report, also for those that `hear` causes.
  template <class Hear>
  void hear_reports(Hear hear) {
    while (!reports_.empty()) {
      heard_.swap(reports_);
      for (const auto& [peer, report] : heard_) {
        peer->report.reset();  // `hear` may report more of this peer, and of no other one
        hear(*peer->owner, report);
      }
      heard_.clear();
    }
  }

 private:
  struct Entry {
    LanePeer* peer = nullptr;
    Keypair* keypair = nullptr;
  };
  struct Opening {
    Entry entry;
    const Datagram* incoming = nullptr;
  };
  struct Reported {
    LanePeer* peer = nullptr;
    LaneReport report;  // of all calls since the last take_reports() or hear_reports()
  };

  void send_one(Instant now, ByteView packet, const RoomyPacket* place, Routes& routes,
                Output& out);
  void queue_openings(Instant now, std::span<Datagram> datagrams, std::vector<Datagram>& rest);
  void deliver(Instant now, const Opening& opening, MutableByteView plain, Routes& routes,
               Output& out);
  void seal(Instant now, LanePeer& peer, ByteView packet, const RoomyPacket* place, Output& out);
  void stage(LanePeer& peer, ByteView packet);
  void forget_indices(const LanePeer& peer);

  DeviceOptions options_;
  Counters counters_;
  std::unordered_map<PeerId, std::unique_ptr<LanePeer>> peers_;
  std::unordered_map<SessionIndex, Entry> indices_;
  AllowedIps routes_;
  std::vector<Reported> reports_;
  std::vector<Reported> heard_;
  SealBatch seals_;  // this, heard_ and the next two: used in one call, kept to reuse their memory
  OpenBatch opens_;
  std::vector<Opening> openings_;
};

}  // namespace culvert::wireguard

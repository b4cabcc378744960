// The fast path of a device on one more thread. A Lane seals and opens transport packets with its
// own tables; sessions, timers and configuration stay with the Device on the control thread.
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
// the device for a session. Lane and device share keypairs only. The lane refuses expired keys by
// its own time, too; it erases state only when the device says so.
#pragma once

#include <deque>
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

struct LanePeer {
  PeerId id;
  LanePeerState now;
  std::deque<Bytes> staged;
  LaneReport report;  // of all calls since the last take_reports()
  bool reported = false;
};

class Lane {
 public:
  // `options`: the device's. Make the lane before the device has peers.
  explicit Lane(const DeviceOptions& options) : options_(options) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // send(), receive() and apply() append to `out`. A packet with enough room is sealed in its own
  // memory (Device::send_in_place).
  void send(Instant now, std::span<const RoomyPacket> packets, Output& out);
  void receive(Instant now, std::span<Datagram> datagrams, Output& out,
               std::vector<Datagram>& rest);  // appends the handshake messages, for the device
  void apply(Instant now, const LaneChanges& changes, Output& out);

  bool has_reports() const { return !reported_.empty(); }
  void take_reports(LaneReports& into);                   // merges the reports into `into`
  const Counters& counters() const { return counters_; }  // of this lane only

 private:
  struct Entry {
    LanePeer* peer = nullptr;
    Keypair* keypair = nullptr;
  };
  struct Opening {
    Entry entry;
    const Datagram* incoming = nullptr;
  };

  void queue_openings(Instant now, std::span<Datagram> datagrams, std::vector<Datagram>& rest);
  void deliver(Instant now, const Opening& opening, MutableByteView plain,
               BurstLookup<LanePeer>& routes, Output& out);
  void seal(Instant now, LanePeer& peer, ByteView packet, const RoomyPacket* place, Output& out);
  void stage(LanePeer& peer, ByteView packet);
  void flush_staged(Instant now, LanePeer& peer, Output& out);
  void update(Instant now, PeerId id, const LanePeerState& state, Output& out);
  void remove(PeerId id);
  void forget_indices(const LanePeer& peer);
  LaneReport& report(LanePeer& peer);

  DeviceOptions options_;
  Counters counters_;
  std::unordered_map<PeerId, std::unique_ptr<LanePeer>> peers_;
  std::unordered_map<SessionIndex, Entry> indices_;
  PrefixTable<LanePeer> routes_;
  std::vector<LanePeer*> reported_;
  SealBatch seals_;  // this and the next two: used in one call, kept to reuse their memory
  OpenBatch opens_;
  std::vector<Opening> openings_;
};

}  // namespace culvert::wireguard

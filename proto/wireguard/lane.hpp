// The fast path of a device for one more thread: transport packets sealed and opened there, with
// tables of its own; sessions, timers and configuration stay with the Device on the control thread.
//
//   Device (control thread)                        Lane (its thread)
//     take_changes() ── peers, sessions, routes ──▶  apply()
//     apply()        ◀── what happened, a peer ────  take_reports()
//     receive()      ◀── handshake messages ───────  receive()'s `rest`
//
// A lane is told of a session before the peer can use it: whoever carries the messages delivers
// changes before he sends what the same call gave, and lets a lane apply() them before its next
// batch. Packets without a session wait here (kMaxStaged a peer, then the oldest goes), so that
// those of a flow stay in order; the device is asked for the session. Only keypairs are shared.
// Keys end by the lane's own time as well; all else is erased when the device says so.
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
  LaneReport report;  // of this call and those before, until take_reports()
  bool reported = false;
};

class Lane {
 public:
  // The device's options; made before the device has peers.
  explicit Lane(const DeviceOptions& options) : options_(options) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // All append to `out`. Packets are sealed where they lie if there is room
  // (Device::send_in_place).
  void send(Instant now, std::span<const RoomyPacket> packets, Output& out);
  void receive(Instant now, std::span<Incoming> datagrams, Output& out,
               std::vector<Incoming>& rest);  // appends what is for the device
  void apply(Instant now, const LaneChanges& changes, Output& out);

  bool has_reports() const { return !reported_.empty(); }
  void take_reports(LaneReports& into);                   // merges
  const Counters& counters() const { return counters_; }  // of what happened here

 private:
  struct Entry {
    LanePeer* peer = nullptr;
    Keypair* keypair = nullptr;
  };
  struct Opening {
    Entry entry;
    const Incoming* incoming = nullptr;
  };

  void queue_openings(Instant now, std::span<Incoming> datagrams, std::vector<Incoming>& rest);
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
  SealBatch seals_;  // from here: of one call, members to reuse their memory
  OpenBatch opens_;
  std::vector<Opening> openings_;
};

}  // namespace culvert::wireguard

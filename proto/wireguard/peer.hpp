// All that a device keeps of one peer. Plain data: Device owns it and changes it, on one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/wireguard/cookie.hpp"
#include "proto/wireguard/handshake.hpp"
#include "proto/wireguard/keypairs.hpp"
#include "proto/wireguard/output.hpp"
#include "proto/wireguard/timers.hpp"

namespace culvert::wireguard {

struct Peer {
  Peer(PeerKeys with, std::uint64_t number)
      : keys(std::move(with)), jar(keys.public_key), serial(number) {}

  PeerKeys keys;
  CookieJar jar;
  Keypairs keypairs;
  Timers timers;
  Endpoint endpoint;  // zero: unknown

  // Our initiation under way, and the index it went out with.
  std::optional<PendingInitiation> pending;
  SessionIndex pending_index;
  Instant pending_since;
  std::optional<Instant> handshake_sent;    // an initiation or response, for REKEY_TIMEOUT
  std::optional<Instant> unanswered_since;  // an initiation, and nothing authentic came since
  bool last_minute_handshake = false;       // asked for on reception, once a session

  // Of their initiations.
  Tai64n last_timestamp;
  std::optional<Instant> initiation_read;

  // Inner packets that wait for a session; oldest first, bounded by Device.
  std::deque<Bytes> staged;

  std::optional<Now> last_handshake;
  std::uint64_t received_bytes = 0;  // of whole authenticated datagrams
  std::uint64_t sent_bytes = 0;

  // What this call did, settled with the timers at its end.
  bool touched = false;
  bool sent_data = false;
  bool sent_any = false;
  bool received_data = false;
  bool received_any = false;

  // Deadlines' own: a number that no other peer of the device ever had, and where it queued us.
  std::uint64_t serial;
  Instant queued = Instant::never();
};

// What an index of ours stands for: a session, or (null) the peer's initiation under way.
struct IndexEntry {
  Peer* peer = nullptr;
  Keypair* keypair = nullptr;
};
// A datagram to open and what it is for.
struct Opening {
  IndexEntry entry;
  const Incoming* incoming = nullptr;
};

}  // namespace culvert::wireguard

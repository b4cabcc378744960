// The state that a device keeps for one peer. Plain data: Device owns and changes it on one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/wireguard/cookie.hpp"
#include "proto/wireguard/handshake.hpp"
#include "proto/wireguard/keypairs.hpp"
#include "proto/wireguard/lane.hpp"
#include "proto/wireguard/timers.hpp"

namespace culvert::wireguard {

struct Peer {
  Peer(PeerKeys with, std::uint64_t number)
      : keys(std::move(with)), jar(keys.public_key), serial(number) {}

  // What each call needs comes first, so that it shares cache lines.
  LanePeer* lane = nullptr;  // the peer in the device's own lane: its session and waiting packets
  Keypairs keypairs;
  Timers timers;
  std::optional<Instant> unanswered_since;  // first initiation since an authentic packet came
  std::uint64_t received_bytes = 0;         // whole authenticated datagrams
  std::uint64_t sent_bytes = 0;
  bool last_minute_handshake = false;  // keep_fresh() rekeyed on reception; once a session
  Instant queued = Instant::never();   // the time of the peer's entry in PeerDeadlines

  PeerKeys keys;
  CookieJar jar;
  std::uint64_t serial;  // a number that no other peer of the device ever had
  Way way;               // where the peer was last heard, or the endpoint that was set

  // Our initiation under way, and the index that it was sent with.
  std::optional<PendingInitiation> pending;
  SessionIndex pending_index;
  Instant pending_since;
  std::optional<Instant> handshake_sent;  // last initiation or response, for REKEY_TIMEOUT

  // The greatest label and the time of the peer's own initiations.
  Tai64n last_timestamp;
  std::optional<Instant> initiation_read;

  std::optional<Now> last_handshake;
};

}  // namespace culvert::wireguard

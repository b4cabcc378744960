// The configuration of a Device, and what it reports about peers and packets.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/prefix.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/wireguard/load.hpp"
#include "proto/wireguard/messages.hpp"
#include "proto/wireguard/tai64n.hpp"

namespace culvert::wireguard {

struct DeviceOptions {
  // True: an authenticated datagram moves the peer's endpoint to the datagram's source. False: the
  // endpoint stays as it was set, since the mesh chooses the paths itself.
  bool roaming = true;
  std::size_t mtu = 1420;  // padding never makes an inner packet longer than this
  // Handshake messages a second without asking for cookies; 0: always ask. See load.hpp.
  std::uint32_t handshakes_per_second = HandshakeLoad::kDefaultRate;
  Duration rekey_after_time = kRekeyAfterTime;  // shorter in tests
  // A peer that restarts after its clock was ahead and has been set right is shut out until the
  // time of its last label has come. Where label_skew is not zero, a label within label_skew of our
  // clock replaces a last label that is further ahead. Old initiations stay useless; an initiation
  // of the last label_skew seconds can be answered once more.
  std::chrono::seconds label_skew{0};
  bool lanes = false;  // true: the device has Lanes and collects changes for them
};

inline constexpr std::size_t kMaxPeers = 1U << 20U;
inline constexpr std::size_t kMaxAllowedIps = 1U << 16U;  // of each peer
inline constexpr std::size_t kMaxStaged = 128;     // packets of a peer that wait for a session
inline constexpr std::size_t kMaxPacket = 65'472;  // inner packet; its datagram fits in UDP

struct PeerConfig {
  crypto::WireGuardKey public_key;
  std::optional<crypto::Secret32> preshared_key;
  std::vector<Prefix> allowed_ips;
  std::optional<Endpoint> endpoint;
  Duration persistent_keepalive{};  // 0: off
  // The least label that the caller has kept over restarts. A greater label in the device's own
  // memory wins.
  std::optional<Tai64n> last_timestamp;
};

struct PeerInfo {
  crypto::WireGuardKey public_key;
  bool has_preshared_key = false;
  std::vector<Prefix> allowed_ips;
  std::optional<Endpoint> endpoint;
  Duration persistent_keepalive{};
  std::optional<Now> last_handshake;        // the last whose keys both sides have proven
  std::optional<Instant> unanswered_since;  // our first initiation since the peer last answered
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::size_t staged_packets = 0;
};

struct Counters {
  // Packets to send.
  std::uint64_t packets_sealed = 0;
  std::uint64_t packet_malformed = 0;   // no IP packet, or longer than kMaxPacket
  std::uint64_t packet_unroutable = 0;  // no peer has the destination
  std::uint64_t packet_staged_out = 0;  // dropped from a peer's waiting packets
  // Received datagrams. Anybody can cause these.
  std::uint64_t datagram_malformed = 0;  // type, reserved bytes or size
  std::uint64_t index_unknown = 0;
  std::uint64_t mac1_wrong = 0;
  std::uint64_t cookies_sent = 0;     // under load, to messages without a correct mac2
  std::uint64_t cookies_limited = 0;  // not sent, because the source has had enough cookies
  std::uint64_t source_limited = 0;
  std::uint64_t initiation_forged = 0;
  std::uint64_t initiation_unknown_peer = 0;  // the initiator's key is the key of no peer
  std::uint64_t initiation_replayed = 0;  // the label is not greater than the last one
  std::uint64_t initiation_too_soon = 0;  // within kInitiationInterval after the last one
  std::uint64_t response_forged = 0;      // or made with another preshared key
  std::uint64_t cookie_forged = 0;
  std::uint64_t transport_expired = 0;  // keys or counter past REJECT_AFTER
  std::uint64_t transport_forged = 0;
  std::uint64_t transport_replayed = 0;
  // Genuine packets of a peer.
  std::uint64_t packets_opened = 0;  // keepalives included
  std::uint64_t keepalives_received = 0;
  std::uint64_t inner_malformed = 0;
  std::uint64_t inner_source_denied = 0;  // the source address is not the peer's
  std::uint64_t inner_ecn_dropped = 0;    // CE arrived on a Not-ECT packet
  // Handshakes.
  std::uint64_t initiations_sent = 0;
  std::uint64_t responses_sent = 0;
  std::uint64_t sessions = 0;  // keys derived
  std::uint64_t handshakes_given_up = 0;
  std::uint64_t timers_expired = 0;  // peers that handle_timeout looked at
};

}  // namespace culvert::wireguard

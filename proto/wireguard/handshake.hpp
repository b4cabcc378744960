// Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it (paper, section 5.4), without indices,
// MACs, timers or peers. Each function makes or reads one message.
//
//   initiator                                   responder
//   initiate()      ── Initiation ──▶           read_initiation() names the initiator
//                                               respond() → its keys
//   finish() → keys ◀── Response ──
#pragma once

#include <optional>

#include "proto/core/rng.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/wireguard/messages.hpp"
#include "proto/wireguard/tai64n.hpp"

namespace culvert::wireguard {

using HandshakeHash = std::array<std::uint8_t, 32>;  // not a secret
using Identity = crypto::KeyPair<crypto::WireGuardKey>;

// The keys of a peer that one side keeps from handshake to handshake.
struct PeerKeys {
  crypto::WireGuardKey public_key;
  crypto::Secret32 static_static;  // DH of both static keys
  crypto::Secret32 preshared;      // zero: none

  // Nothing when the key is a low-order point.
  static std::optional<PeerKeys> make(const Identity& ours, const crypto::WireGuardKey& theirs);
};

struct SessionKeys {
  crypto::Secret32 send;
  crypto::Secret32 receive;
};

// The initiator's state between its two messages.
struct PendingInitiation {
  crypto::Secret32 ephemeral;
  crypto::Secret32 chaining_key;
  HandshakeHash hash{};
};

// The responder's state between reading the initiation and writing the response, in one call.
struct OpenedInitiation {
  SessionIndex sender;
  crypto::WireGuardKey static_key;
  std::array<std::uint8_t, 32> ephemeral{};
  crypto::Secret32 chaining_key;
  HandshakeHash hash{};
  std::array<std::uint8_t, 28> sealed_timestamp{};
};

// Sets all fields of `message` except `sender`. Nothing when a key exchange gives zero.
std::optional<PendingInitiation> initiate(const Identity& ours, const PeerKeys& peer,
                                          const Tai64n& timestamp, Rng& rng, Initiation& message);
// Finds the public key that the initiator claims to have; open_timestamp() proves the claim.
// Nothing: the message is forged or not for us.
std::optional<OpenedInitiation> open_initiation(const Identity& ours, const Initiation& message);
// Proves the initiator's identity with the keys of the claimed peer. Advances `opened` for
// respond().
std::optional<Tai64n> open_timestamp(OpenedInitiation& opened, const PeerKeys& peer);
// Sets all fields of `message` except `sender`.
std::optional<SessionKeys> respond(OpenedInitiation opened, const PeerKeys& peer, Rng& rng,
                                   Response& message);
// Nothing when the response is forged, belongs to another handshake, or was made with another
// preshared key. `pending` does not change, so that a forged response cannot end a handshake.
std::optional<SessionKeys> finish(const PendingInitiation& pending, const Identity& ours,
                                  const PeerKeys& peer, const Response& message);

}  // namespace culvert::wireguard

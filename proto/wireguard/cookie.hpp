// The MACs that end every handshake message, and the cookies that make a sender prove its address
// while the receiver is under load (paper, sections 5.3, 5.4.4 and 5.4.7).
//
//   mac1 = MAC(HASH("mac1----" ‖ receiver's public key), message before mac1)
//   mac2 = MAC(cookie, message before mac2), zero without a cookie
//   cookie = MAC(secret of the receiver, renewed every 120 s; sender)
//   sender = address ‖ port, or, through a relay, the key with which it has logged in there
//   reply  = XAEAD(HASH("cookie--" ‖ receiver's public key), nonce, cookie, mac1 of the message)
#pragma once

#include <array>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/datagram.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/hash.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/wireguard/messages.hpp"

namespace culvert::wireguard {

using Mac = std::array<std::uint8_t, 16>;

// The receiver's side; a device has one.
class CookieChecker {
 public:
  CookieChecker(const crypto::WireGuardKey& ours, Rng& rng);
  void set_key(const crypto::WireGuardKey& ours);

  bool mac1_is_right(ByteView message);
  bool mac2_is_right(Instant now, ByteView message, const Way& from) const;
  // The answer to a message with a correct mac1 and without a correct mac2.
  CookieReply reply(Instant now, ByteView message, const Way& from);

 private:
  Mac cookie_of(const Way& from) const;

  Rng& rng_;
  crypto::Blake2sMac16 mac1_;
  crypto::Secret32 cookie_key_;
  crypto::Secret32 secret_;
  std::optional<Instant> secret_made_;
};

// The sender's side; a device has one for each peer.
class CookieJar {
 public:
  explicit CookieJar(const crypto::WireGuardKey& theirs);

  // Writes mac1 and, if there is a fresh cookie, mac2 into the last 32 bytes of `message`.
  void add_macs(Instant now, MutableByteView message);
  // False when the reply does not answer the last message that add_macs() wrote.
  bool accept(Instant now, const CookieReply& reply);

 private:
  std::array<std::uint8_t, 32> mac1_key_;
  crypto::Secret32 cookie_key_;
  std::optional<Mac> last_mac1_;  // mac1 of the last message, while no cookie answered it
  Mac cookie_{};
  std::optional<Instant> cookie_received_;
};

}  // namespace culvert::wireguard

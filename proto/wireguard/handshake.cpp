#include "proto/wireguard/handshake.hpp"

#include <utility>

#include "proto/crypto/aead.hpp"
#include "proto/crypto/hash.hpp"

namespace culvert::wireguard {
namespace {

using crypto::HashKind;
using crypto::Secret32;

constexpr std::string_view kConstruction = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view kIdentifier = "WireGuard v1 zx2c4 Jason@zx2c4.com";

struct Start {
  HandshakeHash chaining_key;
  HandshakeHash hash;
};
// The start values, which are the same for every handshake: hashes of the two names.
Start start() {
  const auto chaining_key = crypto::blake2s({view(kConstruction)});
  return {chaining_key, crypto::blake2s({chaining_key, view(kIdentifier)})};
}

void mix_hash(HandshakeHash& hash, ByteView input) { hash = crypto::blake2s({hash, input}); }

// KDF_n is the paper's. C := KDF_1(C, input)
void mix_key(Secret32& chaining_key, ByteView input) {
  const auto prk = crypto::hkdf_extract(HashKind::kBlake2s, chaining_key.reveal(), input);
  crypto::hkdf_expand(HashKind::kBlake2s, prk, {}, chaining_key.writable());
}
// (C, k) := KDF_2(C, input)
Secret32 mix_key_and_derive(Secret32& chaining_key, ByteView input) {
  const auto prk = crypto::hkdf_extract(HashKind::kBlake2s, chaining_key.reveal(), input);
  crypto::Secret<64> both;
  crypto::hkdf_expand(HashKind::kBlake2s, prk, {}, both.writable());
  chaining_key = Secret32(both.reveal().first(32));
  return Secret32(both.reveal().last(32));
}
// (C, τ, k) := KDF_3(C, psk); H := HASH(H ‖ τ)
Secret32 mix_preshared(Secret32& chaining_key, HandshakeHash& hash, const Secret32& preshared) {
  const auto prk =
      crypto::hkdf_extract(HashKind::kBlake2s, chaining_key.reveal(), preshared.reveal());
  std::array<std::uint8_t, 96> three{};
  crypto::hkdf_expand(HashKind::kBlake2s, prk, {}, three);
  chaining_key = Secret32(ByteView(three).first(32));
  mix_hash(hash, ByteView(three).subspan(32, 32));
  Secret32 key(ByteView(three).last(32));
  crypto::wipe(three);
  return key;
}

// C := KDF_1(C, ephemeral); H := HASH(H ‖ ephemeral)
void mix_ephemeral(Secret32& chaining_key, HandshakeHash& hash, ByteView ephemeral) {
  mix_key(chaining_key, ephemeral);
  mix_hash(hash, ephemeral);
}

// Seal or open with H as associated data, then mix the sealed bytes into H.
void seal_and_hash(const Secret32& key, HandshakeHash& hash, ByteView plain, MutableByteView out) {
  crypto::aead_seal(key, 0, hash, plain, out);
  mix_hash(hash, out);
}
bool open_and_hash(const Secret32& key, HandshakeHash& hash, ByteView sealed, MutableByteView out) {
  if (!crypto::aead_open(key, 0, hash, sealed, out)) return false;
  mix_hash(hash, sealed);
  return true;
}

// (T1, T2) := KDF_2(C, ε). The initiator sends with T1 and receives with T2.
std::pair<Secret32, Secret32> split(Secret32& chaining_key) {
  auto second = mix_key_and_derive(chaining_key, {});
  return {std::move(chaining_key), std::move(second)};
}

}  // namespace

std::optional<PeerKeys> PeerKeys::make(const Identity& ours, const crypto::WireGuardKey& theirs) {
  auto shared = crypto::x25519(ours.secret, theirs.view());
  if (!shared) return std::nullopt;
  return PeerKeys{theirs, std::move(*shared), {}};
}

std::optional<PendingInitiation> initiate(const Identity& ours, const PeerKeys& peer,
                                          const Tai64n& timestamp, Rng& rng, Initiation& message) {
  const auto begin = start();
  PendingInitiation out;
  out.chaining_key = Secret32(begin.chaining_key);
  out.hash = begin.hash;
  mix_hash(out.hash, peer.public_key.view());

  auto ephemeral = crypto::KeyPair<crypto::WireGuardKey>::generate(rng);
  message.ephemeral = ephemeral.public_key.bytes;
  out.ephemeral = std::move(ephemeral.secret);
  mix_ephemeral(out.chaining_key, out.hash, message.ephemeral);

  const auto shared = crypto::x25519(out.ephemeral, peer.public_key.view());
  if (!shared) return std::nullopt;
  const auto static_key = mix_key_and_derive(out.chaining_key, shared->reveal());
  seal_and_hash(static_key, out.hash, ours.public_key.view(), message.sealed_static);

  const auto time_key = mix_key_and_derive(out.chaining_key, peer.static_static.reveal());
  seal_and_hash(time_key, out.hash, timestamp.bytes, message.sealed_timestamp);
  return out;
}

std::optional<OpenedInitiation> open_initiation(const Identity& ours, const Initiation& message) {
  const auto begin = start();
  OpenedInitiation out;
  out.sender = message.sender;
  out.ephemeral = message.ephemeral;
  out.sealed_timestamp = message.sealed_timestamp;
  out.chaining_key = Secret32(begin.chaining_key);
  out.hash = begin.hash;
  mix_hash(out.hash, ours.public_key.view());
  mix_ephemeral(out.chaining_key, out.hash, message.ephemeral);

  const auto shared = crypto::x25519(ours.secret, message.ephemeral);
  if (!shared) return std::nullopt;
  const auto key = mix_key_and_derive(out.chaining_key, shared->reveal());
  if (!open_and_hash(key, out.hash, message.sealed_static, out.static_key.bytes)) {
    return std::nullopt;
  }
  return out;
}

std::optional<Tai64n> open_timestamp(OpenedInitiation& opened, const PeerKeys& peer) {
  const auto key = mix_key_and_derive(opened.chaining_key, peer.static_static.reveal());
  Tai64n out;
  if (!open_and_hash(key, opened.hash, opened.sealed_timestamp, out.bytes)) return std::nullopt;
  return out;
}

std::optional<SessionKeys> respond(OpenedInitiation opened, const PeerKeys& peer, Rng& rng,
                                   Response& message) {
  const auto ephemeral = crypto::KeyPair<crypto::WireGuardKey>::generate(rng);
  message.receiver = opened.sender;
  message.ephemeral = ephemeral.public_key.bytes;
  auto& chaining_key = opened.chaining_key;
  mix_ephemeral(chaining_key, opened.hash, message.ephemeral);

  const auto with_ephemeral = crypto::x25519(ephemeral.secret, opened.ephemeral);
  const auto with_static = crypto::x25519(ephemeral.secret, peer.public_key.view());
  if (!with_ephemeral || !with_static) return std::nullopt;
  mix_key(chaining_key, with_ephemeral->reveal());
  mix_key(chaining_key, with_static->reveal());
  const auto key = mix_preshared(chaining_key, opened.hash, peer.preshared);
  seal_and_hash(key, opened.hash, {}, message.sealed_empty);

  auto [theirs, ours] = split(chaining_key);
  return SessionKeys{std::move(ours), std::move(theirs)};
}

std::optional<SessionKeys> finish(const PendingInitiation& pending, const Identity& ours,
                                  const PeerKeys& peer, const Response& message) {
  auto chaining_key = pending.chaining_key.clone();
  auto hash = pending.hash;
  mix_ephemeral(chaining_key, hash, message.ephemeral);
  const auto with_ephemeral = crypto::x25519(pending.ephemeral, message.ephemeral);
  const auto with_static = crypto::x25519(ours.secret, message.ephemeral);
  if (!with_ephemeral || !with_static) return std::nullopt;
  mix_key(chaining_key, with_ephemeral->reveal());
  mix_key(chaining_key, with_static->reveal());
  const auto key = mix_preshared(chaining_key, hash, peer.preshared);
  if (!open_and_hash(key, hash, message.sealed_empty, {})) return std::nullopt;

  auto [send, receive] = split(chaining_key);
  return SessionKeys{std::move(send), std::move(receive)};
}

}  // namespace culvert::wireguard

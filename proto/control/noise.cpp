#include "proto/control/noise.hpp"

#include <limits>

#include "proto/crypto/aead.hpp"
#include "proto/crypto/hash.hpp"

namespace culvert::control::noise {
namespace {

constexpr auto kHash = crypto::HashKind::kBlake2s;
constexpr std::size_t kHashSize = 32;

// HKDF with two outputs (§4.3): RFC 5869 with the chaining key as salt and no info.
std::pair<crypto::Secret32, crypto::Secret32> hkdf2(const crypto::Secret32& chaining_key,
                                                    ByteView input) {
  crypto::Secret<64> both;
  const auto prk = crypto::hkdf_extract(kHash, chaining_key.reveal(), input);
  crypto::hkdf_expand(kHash, prk, {}, both.writable());
  return {crypto::Secret32(both.reveal().first(kHashSize)),
          crypto::Secret32(both.reveal().subspan(kHashSize))};
}

// DH() and MixKey(). False: a low-order public key.
bool mix_dh(SymmetricState& state, const KeyPair& own, const crypto::ControlKey& peer) {
  const auto shared = crypto::x25519(own.secret, peer.view());
  if (shared) state.mix_key(shared->reveal());
  return shared.has_value();
}

tl::unexpected<Error> not_genuine() {
  return fail(ErrorCode::kUnverified, "control handshake: message is not genuine");
}
tl::unexpected<Error> weak_key() {
  return fail(ErrorCode::kInvalid, "control handshake: public key of low order");
}

}  // namespace

Bytes CipherState::seal(ByteView associated, ByteView plain) {
  if (!has_key_) return to_bytes(plain);
  Bytes out(plain.size() + kTagSize);
  crypto::aead_seal(key_, counter_++, associated, plain, out);
  return out;
}

std::optional<Bytes> CipherState::open(ByteView associated, ByteView sealed) {
  if (!has_key_) return to_bytes(sealed);
  if (sealed.size() < kTagSize || exhausted()) return std::nullopt;
  Bytes out(sealed.size() - kTagSize);
  if (!crypto::aead_open(key_, counter_, associated, sealed, out)) return std::nullopt;
  ++counter_;
  return out;
}

bool CipherState::exhausted() const {
  return counter_ == std::numeric_limits<std::uint64_t>::max();
}

SymmetricState::SymmetricState() {
  static_assert(kProtocolName.size() > kHashSize, "a shorter name would be padded, not hashed");
  hash_ = crypto::blake2s({view(kProtocolName)});
  chaining_key_ = crypto::Secret32(ByteView(hash_));
}

void SymmetricState::mix_key(ByteView input) {
  auto [chaining_key, key] = hkdf2(chaining_key_, input);
  chaining_key_ = std::move(chaining_key);
  cipher_ = CipherState(std::move(key));
}

void SymmetricState::mix_hash(ByteView data) { hash_ = crypto::blake2s({hash_, data}); }

Bytes SymmetricState::encrypt_and_hash(ByteView plain) {
  auto sealed = cipher_.seal(hash_, plain);
  mix_hash(sealed);
  return sealed;
}

std::optional<Bytes> SymmetricState::decrypt_and_hash(ByteView sealed) {
  auto plain = cipher_.open(hash_, sealed);
  mix_hash(sealed);
  return plain;
}

std::pair<CipherState, CipherState> SymmetricState::split() const {
  auto [first, second] = hkdf2(chaining_key_, {});
  return {CipherState(std::move(first)), CipherState(std::move(second))};
}

Initiator::Initiator(ByteView prologue, KeyPair own, crypto::ControlKey peer, KeyPair ephemeral)
    : own_(std::move(own)), peer_(peer), ephemeral_(std::move(ephemeral)) {
  state_.mix_hash(prologue);
  state_.mix_hash(peer_.view());
}

Result<Bytes> Initiator::write_first(ByteView payload) {
  Bytes out = to_bytes(ephemeral_.public_key.view());
  state_.mix_hash(ephemeral_.public_key.view());                 // e
  if (!mix_dh(state_, ephemeral_, peer_)) return weak_key();     // es
  append(out, state_.encrypt_and_hash(own_.public_key.view()));  // s
  if (!mix_dh(state_, own_, peer_)) return weak_key();           // ss
  append(out, state_.encrypt_and_hash(payload));
  return out;
}

Result<Bytes> Initiator::read_second(ByteView message) {
  if (message.size() < kKeySize + kTagSize || message.size() > kMaxMessage) return not_genuine();
  const auto peer_ephemeral = *crypto::ControlKey::from(message.first(kKeySize));
  state_.mix_hash(peer_ephemeral.view());                              // e
  if (!mix_dh(state_, ephemeral_, peer_ephemeral)) return weak_key();  // ee
  if (!mix_dh(state_, own_, peer_ephemeral)) return weak_key();        // se
  auto payload = state_.decrypt_and_hash(message.subspan(kKeySize));
  if (!payload) return not_genuine();
  return *std::move(payload);
}

Responder::Responder(ByteView prologue, KeyPair own, KeyPair ephemeral)
    : own_(std::move(own)), ephemeral_(std::move(ephemeral)) {
  state_.mix_hash(prologue);
  state_.mix_hash(own_.public_key.view());
}

Result<Bytes> Responder::read_first(ByteView message) {
  constexpr std::size_t kSealedKey = kKeySize + kTagSize;
  if (message.size() < kKeySize + kSealedKey + kTagSize || message.size() > kMaxMessage) {
    return not_genuine();
  }
  peer_ephemeral_ = *crypto::ControlKey::from(message.first(kKeySize));
  state_.mix_hash(peer_ephemeral_.view());                                           // e
  if (!mix_dh(state_, own_, peer_ephemeral_)) return weak_key();                     // es
  const auto peer = state_.decrypt_and_hash(message.subspan(kKeySize, kSealedKey));  // s
  if (!peer) return not_genuine();
  peer_ = *crypto::ControlKey::from(*peer);
  if (!mix_dh(state_, own_, peer_)) return weak_key();  // ss
  auto payload = state_.decrypt_and_hash(message.subspan(kKeySize + kSealedKey));
  if (!payload) return not_genuine();
  return *std::move(payload);
}

Result<Bytes> Responder::write_second(ByteView payload) {
  Bytes out = to_bytes(ephemeral_.public_key.view());
  state_.mix_hash(ephemeral_.public_key.view());                        // e
  if (!mix_dh(state_, ephemeral_, peer_ephemeral_)) return weak_key();  // ee
  if (!mix_dh(state_, ephemeral_, peer_)) return weak_key();            // se
  append(out, state_.encrypt_and_hash(payload));
  return out;
}

}  // namespace culvert::control::noise

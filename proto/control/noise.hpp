// Noise_IK_25519_ChaChaPoly_BLAKE2s (Noise revision 34, noiseprotocol.org), nothing else:
//
//   <- s                      the initiator knows the responder's static key
//   ...
//   -> e, es, s, ss           message 1: 32 ‖ 32+16 ‖ payload+16; replayable, so it changes nothing
//   <- e, ee, se              message 2: 32 ‖ payload+16
//
// Handshake: the state machine of one side, used once. CipherState: one direction afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::control::noise {

inline constexpr std::string_view kProtocolName = "Noise_IK_25519_ChaChaPoly_BLAKE2s";
inline constexpr std::size_t kMaxMessage = 65535;  // §3
inline constexpr std::size_t kKeySize = 32;
inline constexpr std::size_t kTagSize = 16;

using KeyPair = crypto::KeyPair<crypto::ControlKey>;
using HandshakeHash = std::array<std::uint8_t, 32>;

// §5.1. Without a key, passes bytes through unchanged. The counter never wraps: after the last
// number, calls fail.
class CipherState {
 public:
  CipherState() = default;
  explicit CipherState(crypto::Secret32 key) : key_(std::move(key)), has_key_(true) {}

  Bytes seal(ByteView associated, ByteView plain);
  std::optional<Bytes> open(ByteView associated, ByteView sealed);  // nothing: not genuine
  bool exhausted() const;

 private:
  crypto::Secret32 key_;
  bool has_key_ = false;
  std::uint64_t counter_ = 0;
};

// §5.2
class SymmetricState {
 public:
  SymmetricState();

  void mix_key(ByteView input);
  void mix_hash(ByteView data);
  Bytes encrypt_and_hash(ByteView plain);
  std::optional<Bytes> decrypt_and_hash(ByteView sealed);
  std::pair<CipherState, CipherState> split() const;  // initiator's sending, responder's sending
  const HandshakeHash& hash() const { return hash_; }

 private:
  crypto::Secret32 chaining_key_;
  HandshakeHash hash_{};
  CipherState cipher_;
};

class Initiator {
 public:
  // `ephemeral` must be fresh for every handshake.
  Initiator(ByteView prologue, KeyPair own, crypto::ControlKey peer, KeyPair ephemeral);

  Result<Bytes> write_first(ByteView payload);
  Result<Bytes> read_second(ByteView message);  // → payload
  std::pair<CipherState, CipherState> split() const { return state_.split(); }
  const HandshakeHash& hash() const { return state_.hash(); }

 private:
  SymmetricState state_;
  KeyPair own_;
  crypto::ControlKey peer_;
  KeyPair ephemeral_;
};

class Responder {
 public:
  Responder(ByteView prologue, KeyPair own, KeyPair ephemeral);

  Result<Bytes> read_first(
      ByteView message);  // → payload; peer() is known but not yet proven fresh
  Result<Bytes> write_second(ByteView payload);
  const crypto::ControlKey& peer() const { return peer_; }
  std::pair<CipherState, CipherState> split() const { return state_.split(); }
  const HandshakeHash& hash() const { return state_.hash(); }

 private:
  SymmetricState state_;
  KeyPair own_;
  KeyPair ephemeral_;
  crypto::ControlKey peer_;
  crypto::ControlKey peer_ephemeral_;
};

}  // namespace culvert::control::noise

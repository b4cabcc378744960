// The control channel: messages inside Noise IK records, one record in one WebSocket binary
// message.
//
//   record 1  client → coordinator   Noise message 1, empty payload (96 bytes)
//   record 2  coordinator → client   Noise message 2, empty payload (48 bytes)
//   then      both ways              sealed(chunk), at most 65535 bytes each
//
// The first chunk of a message is a u32 big-endian length (1 … kMaxMessage) ‖ bytes; further chunks
// are bytes. A message begins and ends with a record.
//
// Prologue "culvert/control/v1". Anyone who has seen message 1 can replay it. So after message 1
// the responder keeps nothing but the connection; the peer is proven to be present by its first
// sealed record.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proto/control/message.hpp"
#include "proto/control/noise.hpp"
#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"

namespace culvert::control {

inline constexpr std::string_view kPrologue = "culvert/control/v1";
inline constexpr std::size_t kMaxRecord = noise::kMaxMessage;

class Channel {
 public:
  static Channel initiator(noise::KeyPair own, const crypto::ControlKey& coordinator, Rng& rng);
  static Channel responder(noise::KeyPair own, Rng& rng);

  // The initiator's first record. The caller calls this once, before anything else.
  Result<Bytes> start();

  struct Received {
    std::optional<Bytes> answer;         // a record to send back (record 2)
    std::optional<std::string> message;  // a message that this record completed
  };
  // After an error the channel is dead and the connection must be closed.
  Result<Received> receive(ByteView record);

  // Sets the longest message that receive() takes, instead of kMaxMessage. A message that has begun
  // keeps its limit.
  void limit(std::size_t longest) { longest_ = longest; }

  // The records of one message, in sending order. Only when ready().
  Result<std::vector<Bytes>> seal(std::string_view message);

  bool ready() const { return ready_; }    // records can be sealed
  bool proven() const { return proven_; }  // the peer has proven that it is present now
  const crypto::ControlKey& peer() const { return peer_; }
  const noise::HandshakeHash& handshake_hash() const { return hash_; }

 private:
  using Handshake = std::variant<std::monostate, noise::Initiator, noise::Responder>;

  explicit Channel(Handshake handshake);
  Result<Received> receive_handshake(ByteView record);
  Result<Received> finish(noise::Initiator& initiator, ByteView record);
  Result<Received> answer(noise::Responder& responder, ByteView record);
  Result<Received> receive_chunk(Bytes chunk);
  void become_ready(noise::CipherState sending, noise::CipherState receiving);

  Handshake handshake_;
  noise::CipherState sending_;
  noise::CipherState receiving_;
  noise::HandshakeHash hash_{};
  crypto::ControlKey peer_;
  bool ready_ = false;
  bool proven_ = false;
  bool dead_ = false;
  std::size_t longest_ = kMaxMessage;
  std::string partial_;       // the message being received
  std::size_t expected_ = 0;  // length of that message; 0: none begun
};

}  // namespace culvert::control

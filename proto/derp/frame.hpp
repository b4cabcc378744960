// DERP frames, protocol version 2: 1 byte type, 4 bytes big-endian payload length, payload.
// Source: the behaviour of Tailscale's derp package, whose stock clients and relays interoperate.
//
//   01 ServerKey      8 magic ‖ 32 relay key [‖ 32 challenge (ours; stock clients skip it)]
//   02 ClientInfo     32 client key ‖ 24 nonce ‖ box(JSON), see login.hpp
//   03 ServerInfo     24 nonce ‖ box(JSON), see login.hpp
//   04 SendPacket     32 destination ‖ packet          client → relay
//   05 RecvPacket     32 source ‖ packet               relay → client
//   06 KeepAlive      –                                relay → client
//   07 NotePreferred  1 (0 or 1)                       client → relay
//   08 PeerGone       32 key [‖ 1 reason]              relay → client
//   09 PeerPresent, 0a ForwardPacket, 10 WatchConns, 11 ClosePeer: between relays; we refuse them
//   12 Ping, 13 Pong  8                                both ways
//   14 Health         text, empty = healthy            relay → client
//   15 Restarting     4 reconnect in ms ‖ 4 try for ms relay → client
//   40 Ticket         the text of a renewed ticket     client → relay, after the login (ours)
//
// Frames of unknown types are skipped without being stored. Bytes after the fields of a known
// payload are ignored, as stock peers do; a payload shorter than its fields is malformed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::derp {

inline constexpr int kProtocolVersion = 2;
inline constexpr std::size_t kHeaderSize = 5;
inline constexpr std::size_t kKeySize = 32;
inline constexpr std::size_t kMaxPacketSize = 65'536;
inline constexpr std::size_t kMaxFrameSize = 1U << 20U;  // payload, also of skipped frames
inline constexpr std::size_t kChallengeSize = 32;
inline constexpr std::size_t kMaxTicketSize = 24 * 1024;
inline constexpr std::array<std::uint8_t, 8> kMagic = {0x44, 0x45, 0x52, 0x50,
                                                       0xF0, 0x9F, 0x94, 0x91};  // DERP🔑

// The HTTP upgrade before the frames: GET /derp with Upgrade: DERP; the answer is 101 with
// kVersionHeader and kKeyHeader.
inline constexpr std::string_view kPath = "/derp";
inline constexpr std::string_view kUpgrade = "DERP";
inline constexpr std::string_view kVersionHeader = "Derp-Version";
inline constexpr std::string_view kKeyHeader = "Derp-Public-Key";  // 64 hex
inline constexpr std::string_view kWebSocketProtocol = "derp";

enum class FrameType : std::uint8_t {
  kServerKey = 0x01,
  kClientInfo = 0x02,
  kServerInfo = 0x03,
  kSendPacket = 0x04,
  kRecvPacket = 0x05,
  kKeepAlive = 0x06,
  kNotePreferred = 0x07,
  kPeerGone = 0x08,
  kPeerPresent = 0x09,
  kForwardPacket = 0x0A,
  kWatchConns = 0x10,
  kClosePeer = 0x11,
  kPing = 0x12,
  kPong = 0x13,
  kHealth = 0x14,
  kRestarting = 0x15,
  kTicket = 0x40,
};

struct Frame {
  FrameType type{};
  ByteView payload;  // size within payload_bounds(type)
};

// Payload bounds of a known type; nothing for a type that is skipped.
struct PayloadBounds {
  std::size_t least = 0;
  std::size_t most = 0;
};
std::optional<PayloadBounds> payload_bounds(std::uint8_t type);

// Cuts a byte stream into frames. Holds at most one frame, bounded by payload_bounds(); frames that
// arrive whole are passed on without a copy.
class FrameReader {
 public:
  // Calls on_frame for every complete frame. Stops when on_frame returns false, and drops the rest
  // of `bytes`: the caller is closing. The one error is a malformed length, and it is final.
  Status feed(ByteView bytes, const std::function<bool(const Frame&)>& on_frame);
  // From now on a frame of another known type fails at its header (kDenied), before any of the
  // payload is stored.
  void take_only(FrameType type) { only_ = type; }
  void take_all() { only_.reset(); }
  std::uint64_t skipped() const { return skipped_; }  // frames of unknown types

 private:
  Bytes partial_;
  std::optional<FrameType> only_;
  std::size_t skip_ = 0;  // payload bytes of an unknown frame still to come
  std::uint64_t skipped_ = 0;
};

// Appends one whole frame to `out`. The payload is within payload_bounds(type), checked in every
// build. payload.hpp has writers for single frame types.
void write_frame(Bytes& out, FrameType type, std::initializer_list<ByteView> parts);

}  // namespace culvert::derp

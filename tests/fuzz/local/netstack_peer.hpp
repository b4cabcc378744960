// The peer in the connections fuzzer. For each connection the peer knows the stack's sequence
// numbers, so that its segments are within the window, and the bytes of both sides, so that the
// fuzzer can compare them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/stack/netstack.hpp"
#include "tests/agent/stack/raw_peer.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::fuzz {

// Bytes that the application writes on one connection.
constexpr std::uint32_t kMostWritten = 256U << 10U;

// Each direction's stream has the same bytes in every run, so a resent byte is the same byte.
inline std::uint8_t byte_at(std::uint32_t offset, bool from_peer) {
  return static_cast<std::uint8_t>(offset * 131 + (offset >> 8U) * 7 + (from_peer ? 85 : 0));
}

struct Remote {
  std::uint16_t port = 0, stack_port = 443;
  std::uint32_t isn = 0, stack_isn = 0;
  bool answered = false;  // whether the stack's SYN came
  bool reset = false;     // by the peer or the stack
  bool fin_sent = false;  // by the peer, at any sequence number
  // Offsets of the peer's stream: the end of the data in its segments, the highest place of any
  // segment, and the lowest place of a FIN.
  std::int32_t end = 0, reach = 0;
  std::optional<std::int32_t> peer_fin_at;
  std::uint32_t sent = 0;          // the end of the bytes that the peer has sent
  std::uint32_t next = 0;          // the peer's acknowledgement number
  std::uint32_t acknowledged = 0;  // bytes of the peer that the stack has acknowledged
  std::uint32_t highest = 0;       // the end of the bytes that the stack has sent
  std::vector<bool> got;           // whether each offset has arrived
  std::optional<std::uint32_t> fin_at;

  std::unique_ptr<runtime::ByteStream> stream;
  std::uint32_t written = 0, delivered = 0;
  bool finished = false, ended = false, closed = false;

  bool open() const { return stream && answered && !closed && !reset; }
  // The peer has sent something beyond its own FIN. RFC 9293 §3.10.7.4 lets the stack take window
  // updates from such a segment and ignore those of the peer's true sequence number from then on.
  bool contradicts_itself() const {
    return peer_fin_at && (end > *peer_fin_at || reach > *peer_fin_at + 1);
  }
  device_test::Segment segment(std::uint8_t flags) const;  // in order, acknowledges everything
};

class Peer {
 public:
  static constexpr std::size_t kSlots = 4;

  Peer();

  void deliver(Remote& remote, device_test::Segment segment);  // at once, or with its batch
  void flush();
  void take(ByteView packet);  // a packet that the stack sent
  void accepted(std::unique_ptr<runtime::ByteStream> stream, std::uint16_t port);
  void write(Remote& remote, std::uint32_t size);
  void tick(int times);
  Remote& fresh(std::size_t slot);
  void called(Remote& remote);  // the stack connects to the peer, at the remote's port
  void finish_honestly();

  Remote& remote(std::size_t slot) { return remotes_[slot % kSlots]; }
  stack::Netstack& stack() { return *stack_; }
  bool batching = false;
  const IpAddress here, there;  // the stack's address and the peer's

 private:
  void take_data(Remote& remote, const device_test::Segment& segment);
  void say_all(Remote& remote);
  static bool complete(const Remote& remote);
  Remote* by_port(std::uint16_t port);

  Instant now_{1'000'000'000};
  runtime::Loop loop_;  // never runs
  SeededRng rng_{1};
  std::array<Remote, kSlots> remotes_;
  std::uint16_t next_port_ = 1000;
  std::vector<Bytes> batch_;
  std::unique_ptr<stack::Netstack> stack_;
};

}  // namespace culvert::fuzz

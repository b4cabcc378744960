// What a call of Device gives back, and the memory behind it. A caller keeps one Output and clears
// it after use; then nothing is allocated per packet once it has grown to the traffic.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "proto/core/arena.hpp"
#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::wireguard {

// An inner IP packet that `peer` sent, from an address that it may use, without padding. It lies in
// the caller's datagram and lives as long as that.
struct Received {
  crypto::WireGuardKey peer;
  ByteView packet;
};

// A datagram to send; its bytes live until Output::clear(). Neighbours in the list that were sealed
// by one call lie next to each other in memory.
struct Transmit {
  crypto::WireGuardKey peer;  // zero for a cookie reply: nobody is known yet
  Endpoint to;                // zero where the peer has none
  ByteView datagram;
  bool is_handshake = false;  // types 1 to 3
  std::uint8_t ecn = 0;       // for the outer header: the inner one's (RFC 6040)
};

// Opened in place.
struct Incoming {
  Endpoint from;
  MutableByteView datagram;
  std::uint8_t ecn = 0;  // of the outer header
};

struct Output {
  std::vector<Received> packets;
  std::vector<Transmit> datagrams;

  void clear() {
    packets.clear();
    datagrams.clear();
    memory_.clear();
  }
  MutableByteView allocate(std::size_t size) { return memory_.allocate(size); }

 private:
  Arena memory_;
};

}  // namespace culvert::wireguard

// The results of a Device call, and their memory. A caller keeps one Output and clears it after
// use; once the Output has grown to the traffic, a packet needs no allocation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "proto/core/arena.hpp"
#include "proto/core/bytes.hpp"
#include "proto/core/datagram.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::wireguard {

// An inner IP packet that `peer` sent, from an address that the peer may use, without padding.
// `packet` points into the caller's datagram and is valid as long as the datagram.
struct Received {
  crypto::WireGuardKey peer;
  ByteView packet;
};

// A datagram to send. The bytes are valid until Output::clear(). The way is unknown
// (std::monostate) when the peer has no endpoint. The ECN bits are the inner packet's (RFC 6040).
struct Transmit {
  crypto::WireGuardKey peer;  // zero for a cookie reply: the peer is not known yet
  Datagram datagram;
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

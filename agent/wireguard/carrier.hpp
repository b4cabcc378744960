// Carries packets between the runtime's batches and a WireGuard device or lane: everything that one
// call of the device puts out leaves with one write to the TUN device and one send to the socket.
#pragma once

#include <span>
#include <vector>

#include "proto/runtime/packet/tun.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "proto/wireguard/output.hpp"

namespace culvert::agent {

class Carrier {
 public:
  // The result is valid until the next call.
  std::span<wireguard::Incoming> incoming(std::span<runtime::Datagram> datagrams);
  // Sends the content of `out` and clears it. Without a socket (null) the datagrams are dropped.
  void flush(wireguard::Output& out, runtime::Tun& tun, runtime::UdpSocket* udp);

 private:
  std::vector<wireguard::Incoming> incoming_;
  std::vector<runtime::OutDatagram> outgoing_;
  std::vector<ByteView> packets_;
};

}  // namespace culvert::agent

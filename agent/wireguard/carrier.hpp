// Between the runtime's batches and those of a device or lane: all that one call put out leaves in
// one write and one send.
#pragma once

#include <span>
#include <vector>

#include "proto/runtime/packet/tun.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "proto/wireguard/output.hpp"

namespace culvert::agent {

class Carrier {
 public:
  // Valid until the next call.
  std::span<wireguard::Incoming> incoming(std::span<runtime::Datagram> datagrams);
  // Empties `out`; datagrams go nowhere without a socket.
  void flush(wireguard::Output& out, runtime::Tun& tun, runtime::UdpSocket* udp);

 private:
  std::vector<wireguard::Incoming> incoming_;
  std::vector<runtime::OutDatagram> outgoing_;
  std::vector<ByteView> packets_;
};

}  // namespace culvert::agent

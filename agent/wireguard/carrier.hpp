// Sends what one call of a WireGuard device or lane puts out: the packets with one write to the TUN
// device, the datagrams with one send to the UDP socket.
#pragma once

#include <vector>

#include "proto/runtime/packet/tun.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "proto/wireguard/output.hpp"

namespace culvert::agent {

class Carrier {
 public:
  // Sends the content of `out` and clears it. Without a socket (null) the datagrams are dropped.
  void flush(wireguard::Output& out, runtime::Tun& tun, runtime::UdpSocket* udp);

 private:
  std::vector<Datagram> datagrams_;  // this and the next: kept to reuse their memory
  std::vector<ByteView> packets_;
};

}  // namespace culvert::agent

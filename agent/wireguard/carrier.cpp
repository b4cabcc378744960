#include "agent/wireguard/carrier.hpp"

namespace culvert::agent {

void Carrier::flush(wireguard::Output& out, runtime::Tun& tun, runtime::UdpSocket* udp) {
  packets_.clear();
  for (const auto& each : out.packets) packets_.push_back(each.packet);
  if (!packets_.empty()) tun.write(packets_);
  datagrams_.clear();
  for (const auto& each : out.datagrams) {
    if (endpoint_of(each.datagram.way) != nullptr) datagrams_.push_back(each.datagram);
  }
  if (udp != nullptr && !datagrams_.empty()) udp->send(datagrams_);
  out.clear();
}

}  // namespace culvert::agent

#include "agent/wireguard/carrier.hpp"

namespace culvert::agent {

std::span<wireguard::Incoming> Carrier::incoming(std::span<runtime::Datagram> datagrams) {
  incoming_.clear();
  for (const auto& each : datagrams) incoming_.push_back({each.from, each.bytes, each.ecn});
  return incoming_;
}

void Carrier::flush(wireguard::Output& out, runtime::Tun& tun, runtime::UdpSocket* udp) {
  packets_.clear();
  for (const auto& each : out.packets) packets_.push_back(each.packet);
  if (!packets_.empty()) tun.write(packets_);
  outgoing_.clear();
  for (const auto& each : out.datagrams) {
    if (each.to != Endpoint{}) outgoing_.push_back({each.to, each.datagram, each.ecn});
  }
  if (udp != nullptr && !outgoing_.empty()) udp->send(outgoing_);
  out.clear();
}

}  // namespace culvert::agent

// A tunnel's further lanes: takes their reports and sends them changes.
#include <utility>

#include "agent/wireguard/tunnel.hpp"

namespace culvert::agent {

Status Tunnel::open_lanes(std::size_t count, const wireguard::DeviceOptions& device) {
  runtime::TunOptions tun;
  tun.name = name();
  tun.offloads = offloads_;
  tun.queue = runtime::TunQueue::kFurther;
  const auto mail = [this, here = std::weak_ptr(here_)](bool urgent) {
    loop_.post([this, here, urgent] {
      if (!here.expired()) mail_came(urgent);
    });
  };
  for (std::size_t i = 0; i < count; ++i) {
    auto lane = TunnelLane::open(tun, device, mail);
    if (!lane) return fail_with(lane.error());
    lanes_.push_back(std::move(*lane));
  }
  return {};
}

// A lane has mail. Reports about timers and statistics wait for kReportDelay, so that many batches
// are handled together.
void Tunnel::mail_came(bool urgent) {
  if (!urgent) {
    if (!reports_timer_.armed()) reports_timer_.arm_in(kReportDelay);
    return;
  }
  take_mail();
  flush();
}

void Tunnel::take_mail() {
  reports_timer_.cancel();
  for (auto& lane : lanes_) {
    LaneMail mail;
    if (!lane->take(mail) || !working()) continue;
    device_.apply(loop_.now(), mail.reports, out_);
    std::vector<Datagram> messages;
    for (auto& each : mail.messages) messages.push_back({each.way, each.bytes, each.ecn});
    device_.receive(loop_.now(), messages, out_);  // handshakes: `out_` does not refer to `mail`
  }
}

void Tunnel::tell_lanes() {
  if (lanes_.empty()) return;
  const auto changes = device_.take_changes();
  if (changes.empty()) return;
  for (auto& lane : lanes_) lane->change(changes);
}

// Opens a socket for each lane on the port of the device's own new socket. All lanes get a new
// socket, or none.
Status Tunnel::open_lane_sockets(const Endpoint& at) {
  Status opened;
  for (auto& lane : lanes_) {
    if (opened) opened = lane->open_udp(at, mark_, offloads_);
  }
  for (auto& lane : lanes_) lane->settle_udp(opened.has_value());
  return opened;
}

}  // namespace culvert::agent

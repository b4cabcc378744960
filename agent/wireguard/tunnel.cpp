#include "agent/wireguard/tunnel.hpp"

#include <utility>

#include "proto/runtime/log.hpp"

namespace culvert::agent {
namespace log = runtime::log;

std::string wireguard_socket_path(const std::string& interface) {
  return "/var/run/wireguard/" + interface + ".sock";
}

Result<std::unique_ptr<Tunnel>> Tunnel::open(runtime::Loop& loop, Rng& rng,
                                             const TunnelOptions& options, Ended ended) {
  std::unique_ptr<Tunnel> tunnel(new Tunnel(loop, rng, options.offloads, std::move(ended)));
  if (auto opened = tunnel->open(options.interface); !opened) return fail_with(opened.error());
  return tunnel;
}

Tunnel::Tunnel(runtime::Loop& loop, Rng& rng, runtime::Offloads offloads, Ended ended)
    : loop_(loop),
      rng_(rng),
      offloads_(offloads),
      ended_(std::move(ended)),
      device_(wireguard::Identity::generate(rng), rng, {.mtu = kDefaultMtu}),
      timer_(loop, [this] { on_timer(); }) {}

Status Tunnel::open(const std::string& interface) {
  runtime::TunOptions options;
  options.name = interface;
  options.mtu = kDefaultMtu;
  options.offloads = offloads_;
  options.gone = [this] { ended_("the interface was deleted"); };
  auto tun = runtime::Tun::open(
      loop_, [this](std::span<const RoomyPacket> packets) { from_tun(packets); }, options);
  if (!tun) return fail_with(tun.error());
  tun_ = std::move(*tun);
  auto link = runtime::LinkWatch::open(
      loop_, name(), [this](const runtime::LinkState& state) { link_changed(state); });
  if (!link) return fail_with(link.error());
  link_ = std::move(*link);
  auto control = runtime::UnixSocket::listen(
      loop_, wireguard_socket_path(name()),
      {[this] { return serve(); }, [this] { ended_("the control socket was removed"); }});
  if (!control) return fail_with(control.error());
  control_ = std::move(*control);
  return {};
}

void Tunnel::from_tun(std::span<const RoomyPacket> packets) {
  if (!working()) return;
  device_.send_in_place(loop_.now(), packets, out_);
  flush();
}

void Tunnel::from_udp(std::span<runtime::Datagram> datagrams) {
  if (!working()) return;
  incoming_.clear();
  for (const auto& each : datagrams) incoming_.push_back({each.from, each.bytes, each.ecn});
  device_.receive(loop_.now(), incoming_, out_);
  flush();
}

void Tunnel::on_timer() {
  if (!working()) return;
  device_.handle_timeout(loop_.now(), out_);
  flush();
}

// All that a call of the device gave, in one write and one send.
void Tunnel::flush() {
  packets_.clear();
  for (const auto& each : out_.packets) packets_.push_back(each.packet);
  if (!packets_.empty()) tun_->write(packets_);
  outgoing_.clear();
  for (const auto& each : out_.datagrams) {
    if (each.to != Endpoint{}) outgoing_.push_back({each.to, each.datagram, each.ecn});
  }
  if (!outgoing_.empty()) udp_->send(outgoing_);
  out_.clear();
  timer_.arm_at(device_.next_deadline());
}

void Tunnel::link_changed(const runtime::LinkState& link) {
  if (link.mtu != 0) device_.set_mtu(link.mtu);
  // In another namespace it is taken as up: it is of no use down, and the socket stays in this one.
  const bool up = link.up || link.left;
  if (std::exchange(up_, up) == up) return;
  if (up_) {
    log::debug("interface up", {{"interface", name()}});
    if (auto opened = open_udp(port_); !opened) {
      log::error("no UDP socket", {{"interface", name()}, {"why", opened.error()}});
    }
    on_timer();
  } else {
    log::debug("interface down", {{"interface", name()}});
    udp_.reset();
    timer_.cancel();
    // What was agreed on ends with it, as in every WireGuard.
    if (private_key_) set_private_key(private_key_->clone());
  }
}

}  // namespace culvert::agent

#include "agent/wireguard/tunnel.hpp"

#include <utility>

#include "proto/runtime/loop/log.hpp"

namespace culvert::agent {
namespace log = runtime::log;

std::string wireguard_socket_path(const std::string& interface) {
  return "/var/run/wireguard/" + interface + ".sock";
}

Result<std::unique_ptr<Tunnel>> Tunnel::open(runtime::Loop& loop, Rng& rng,
                                             const TunnelOptions& options, Ended ended) {
  std::unique_ptr<Tunnel> tunnel(new Tunnel(loop, rng, options, std::move(ended)));
  if (auto opened = tunnel->open(options); !opened) return fail_with(opened.error());
  return tunnel;
}

namespace {

wireguard::DeviceOptions device_options(const TunnelOptions& options) {
  return {.mtu = Tunnel::kDefaultMtu, .lanes = options.lanes > 1};
}

}  // namespace

Tunnel::Tunnel(runtime::Loop& loop, Rng& rng, const TunnelOptions& options, Ended ended)
    : loop_(loop),
      rng_(rng),
      offloads_(options.offloads),
      ended_(std::move(ended)),
      device_(wireguard::Identity::generate(rng), rng, device_options(options)),
      timer_(loop, [this] { on_timer(); }),
      reports_timer_(loop, [this] { mail_came(true); }) {}

Status Tunnel::open(const TunnelOptions& options) {
  runtime::TunOptions device;
  device.name = options.interface;
  device.mtu = kDefaultMtu;
  device.offloads = offloads_;
  device.queue = options.lanes > 1 ? runtime::TunQueue::kFirst : runtime::TunQueue::kOnly;
  device.gone = [this] { ended_("the interface was deleted"); };
  auto tun = runtime::Tun::open(
      loop_, [this](std::span<const RoomyPacket> packets) { from_tun(packets); }, device);
  if (!tun) return fail_with(tun.error());
  tun_ = std::move(*tun);
  if (auto opened = open_lanes(options.lanes - 1, device_options(options)); !opened) return opened;
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

void Tunnel::from_udp(std::span<Datagram> datagrams) {
  if (!working()) return;
  device_.receive(loop_.now(), datagrams, out_);
  flush();
}

void Tunnel::on_timer() {
  if (working()) {
    take_mail();
    device_.handle_timeout(loop_.now(), out_);
  }
  flush();
}

// Sends the changes to the lanes before the datagrams leave: a lane must know a session before the
// peer does (proto/wireguard/lane.hpp).
void Tunnel::flush() {
  tell_lanes();
  carrier_.flush(out_, *tun_, udp_.get());
  if (working()) timer_.arm_at(device_.next_deadline());
}

void Tunnel::link_changed(const runtime::LinkState& link) {
  if (link.mtu != 0) device_.set_mtu(link.mtu);
  tell_lanes();
  // After a move to another network namespace the interface's state is unknown and taken as up. The
  // socket stays in this namespace.
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
    for (auto& lane : lanes_) lane->close_udp();
    timer_.cancel();
    // The sessions end with the interface, as in every WireGuard implementation.
    if (private_key_) set_private_key(private_key_->clone());
    tell_lanes();
  }
}

}  // namespace culvert::agent

// A WireGuard interface of the system: a TUN device, a UDP socket, and between them a
// wireguard::Device that `wg` configures through a Unix socket. One loop, one thread. Each further
// lane (tunnel_lane.hpp) has a queue of the device, a socket and a thread of its own; sessions,
// timers and configuration stay with the Tunnel.
//
// Packets stay in batches from end to end. The packets of one wake-up of the TUN device are sealed
// as one batch and leave in one send; the datagrams of one wake-up of the UDP socket are opened as
// one batch and go to the TUN device in one write.
//
// The UDP socket is open while the interface is up. Without a private key all packets are dropped.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/wireguard/carrier.hpp"
#include "agent/wireguard/tunnel_lane.hpp"
#include "proto/core/rng.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/packet/link_watch.hpp"
#include "proto/runtime/packet/tun.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "proto/runtime/stream/unix_socket.hpp"
#include "proto/wireguard/device.hpp"
#include "proto/wireguard/uapi.hpp"

namespace culvert::agent {

// The path at which `wg` looks for the socket of a userspace interface.
std::string wireguard_socket_path(const std::string& interface);

struct TunnelOptions {
  std::string interface;
  runtime::Offloads offloads = {};
  std::size_t lanes = 1;
};

class Tunnel {
 public:
  static constexpr std::size_t kDefaultMtu = 1420;
  static constexpr std::size_t kMaxLanes = 64;
  // How old the lanes' reports of traffic may be when `wg show` asks for them.
  static constexpr Duration kReportDelay = 100ms;

  // `ended`: somebody removed the interface or its socket; `why` tells which. May come repeatedly.
  using Ended = std::function<void(const std::string& why)>;
  static Result<std::unique_ptr<Tunnel>> open(runtime::Loop& loop, Rng& rng,
                                              const TunnelOptions& options, Ended ended);
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;
  ~Tunnel() = default;

  const std::string& name() const { return tun_->name(); }

 private:
  Tunnel(runtime::Loop& loop, Rng& rng, const TunnelOptions& options, Ended ended);
  Status open(const TunnelOptions& options);
  // tunnel.cpp: packets
  bool working() const { return udp_ != nullptr && private_key_.has_value(); }
  void from_tun(std::span<const RoomyPacket> packets);
  void from_udp(std::span<Datagram> datagrams);
  void on_timer();
  void flush();
  void link_changed(const runtime::LinkState& link);
  // lanes.cpp: further lanes
  Status open_lanes(std::size_t count, const wireguard::DeviceOptions& device);
  Status open_lane_sockets(const Endpoint& at);
  void mail_came(bool urgent);
  void take_mail();
  void tell_lanes();
  // control.cpp: configuration
  runtime::UnixClient serve();
  Bytes answer(wireguard::uapi::Request request);
  Bytes answer(wireguard::uapi::Errno error);
  Bytes answer_get();
  wireguard::uapi::Errno set(wireguard::uapi::SetRequest& request);
  bool set_port(std::uint16_t port);
  bool set_mark(std::uint32_t mark);
  void set_private_key(crypto::Secret32 key);
  Status open_udp(std::uint16_t port);

  runtime::Loop& loop_;
  Rng& rng_;
  runtime::Offloads offloads_;
  Ended ended_;
  std::optional<crypto::Secret32> private_key_;  // nothing: the device has a random key
  wireguard::Device device_;
  std::uint16_t port_ = 0;  // 0: the system will choose a port, which then stays
  std::uint32_t mark_ = 0;
  bool up_ = false;

  std::unique_ptr<runtime::Tun> tun_;
  std::unique_ptr<runtime::UdpSocket> udp_;
  std::unique_ptr<runtime::LinkWatch> link_;
  std::unique_ptr<runtime::UnixSocket> control_;
  runtime::Timer timer_;

  runtime::Timer reports_timer_;
  wireguard::Output out_;
  Carrier carrier_;
  std::shared_ptr<int> here_ = std::make_shared<int>();  // once destroyed, lanes' posts do nothing
  std::vector<std::unique_ptr<TunnelLane>> lanes_;
};

}  // namespace culvert::agent

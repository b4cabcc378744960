// A WireGuard interface of the system: a TUN device, a UDP socket, and between them a
// wireguard::Device that `wg` configures through a Unix socket. One loop, one thread.
//
// Packets stay in batches from end to end: what one wake-up of the TUN device gives is sealed as
// one batch and leaves in one send; what one wake-up of the UDP socket gives is opened as one batch
// and goes to the TUN device in one write.
//
// The UDP socket is open while the interface is up. Without a private key everything is dropped.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/core/rng.hpp"
#include "proto/runtime/link_watch.hpp"
#include "proto/runtime/timer.hpp"
#include "proto/runtime/tun.hpp"
#include "proto/runtime/udp.hpp"
#include "proto/runtime/unix_socket.hpp"
#include "proto/wireguard/device.hpp"
#include "proto/wireguard/uapi.hpp"

namespace culvert::agent {

// Where `wg` looks for a userspace interface's socket.
std::string wireguard_socket_path(const std::string& interface);

struct TunnelOptions {
  std::string interface;
  runtime::Offloads offloads = {};
};

class Tunnel {
 public:
  static constexpr std::size_t kDefaultMtu = 1420;

  // `ended`: the interface or its socket was removed by somebody; the reason. May come repeatedly.
  using Ended = std::function<void(const std::string& why)>;
  static Result<std::unique_ptr<Tunnel>> open(runtime::Loop& loop, Rng& rng,
                                              const TunnelOptions& options, Ended ended);
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;
  ~Tunnel() = default;

  const std::string& name() const { return tun_->name(); }

 private:
  Tunnel(runtime::Loop& loop, Rng& rng, runtime::Offloads offloads, Ended ended);
  Status open(const std::string& interface);
  // tunnel.cpp: packets
  bool working() const { return udp_ != nullptr && private_key_.has_value(); }
  void from_tun(std::span<const RoomyPacket> packets);
  void from_udp(std::span<runtime::Datagram> datagrams);
  void on_timer();
  void flush();
  void link_changed(const runtime::LinkState& link);
  // control.cpp: configuration
  runtime::UnixClient serve();
  Bytes answer(wireguard::uapi::Request request);
  wireguard::uapi::Errno set(wireguard::uapi::SetRequest& request);
  bool set_port(std::uint16_t port);
  bool set_mark(std::uint32_t mark);
  void set_private_key(crypto::Secret32 key);
  Status open_udp(std::uint16_t port);

  runtime::Loop& loop_;
  Rng& rng_;
  runtime::Offloads offloads_;
  Ended ended_;
  std::optional<crypto::Secret32> private_key_;  // none: the device has one that nobody knows
  wireguard::Device device_;
  std::uint16_t port_ = 0;  // 0: the system chooses, then it stays
  std::uint32_t mark_ = 0;
  bool up_ = false;

  std::unique_ptr<runtime::Tun> tun_;
  std::unique_ptr<runtime::UdpSocket> udp_;
  std::unique_ptr<runtime::LinkWatch> link_;
  std::unique_ptr<runtime::UnixSocket> control_;
  runtime::Timer timer_;

  // Of one batch; members so that their memory is reused.
  wireguard::Output out_;
  std::vector<wireguard::Incoming> incoming_;
  std::vector<runtime::OutDatagram> outgoing_;
  std::vector<ByteView> packets_;
};

}  // namespace culvert::agent

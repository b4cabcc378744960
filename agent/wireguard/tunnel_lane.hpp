// One more lane of a tunnel: a thread with a queue of the TUN device, a UDP socket of the tunnel's
// port, and a wireguard::Lane between them. All of this is called on the tunnel's thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/wireguard/carrier.hpp"
#include "proto/core/mailbox.hpp"
#include "proto/runtime/loop/loop_thread.hpp"
#include "proto/wireguard/lane.hpp"

namespace culvert::agent {

// What a lane has for the tunnel's device.
struct LaneMail {
  static constexpr std::size_t kMaxMessages = 1024;  // further ones are dropped, as on the wire

  struct Message {  // of a handshake
    Endpoint from;
    Bytes bytes;
    std::uint8_t ecn = 0;
  };
  std::vector<Message> messages;
  wireguard::LaneReports reports;

  bool empty() const { return messages.empty() && reports.peers.empty(); }
  bool urgent() const { return !messages.empty() || reports.urgent; }
};

class TunnelLane {
 public:
  // Called on the lane's thread, when there is mail where none was, or it has become urgent.
  using Mail = std::function<void(bool urgent)>;
  static Result<std::unique_ptr<TunnelLane>> open(const runtime::TunOptions& tun,
                                                  const wireguard::DeviceOptions& device,
                                                  Mail mail);
  TunnelLane(const TunnelLane&) = delete;
  TunnelLane& operator=(const TunnelLane&) = delete;
  ~TunnelLane();

  // These wait for the thread. A new socket is opened beside the old one, and takes its place or
  // goes by settle_udp().
  Status open_udp(const Endpoint& at, std::uint32_t mark, const runtime::Offloads& offloads);
  void settle_udp(bool use_new);
  void close_udp();
  Status set_mark(std::uint32_t mark);

  void set_working(bool working);  // false, at first: everything is dropped
  // Known to the lane before it touches another packet.
  void change(const wireguard::LaneChanges& changes);
  bool take(LaneMail& out) { return mail_.take(out); }

 private:
  explicit TunnelLane(Mail mail) : announce_(std::move(mail)) {}
  // On the lane's thread.
  void from_tun(std::span<const RoomyPacket> packets);
  void from_udp(std::span<runtime::Datagram> datagrams);
  void read_changes();
  void report();

  Mail announce_;
  Mailbox<wireguard::LaneChanges> changes_;
  Mailbox<LaneMail> mail_;
  std::unique_ptr<wireguard::Lane> lane_;  // from here: the thread's
  std::unique_ptr<runtime::Tun> tun_;
  std::unique_ptr<runtime::UdpSocket> udp_;
  std::unique_ptr<runtime::UdpSocket> opened_udp_;
  bool working_ = false;
  wireguard::Output out_;
  Carrier carrier_;
  std::vector<wireguard::Incoming> rest_;
  runtime::LoopThread thread_;
};

}  // namespace culvert::agent

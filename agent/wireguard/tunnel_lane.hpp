// One more lane of a tunnel: a thread with a queue of the TUN device, a UDP socket on the tunnel's
// port, and a wireguard::Lane between them. The public functions are called on the tunnel's thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/wireguard/carrier.hpp"
#include "proto/core/mailbox.hpp"
#include "proto/runtime/loop/loop_thread.hpp"
#include "proto/wireguard/lane.hpp"

namespace culvert::agent {

// A lane's handshake messages and reports for the tunnel's device.
struct LaneMail {
  static constexpr std::size_t kMaxMessages = 1024;  // further messages are dropped

  struct Message {  // a handshake message
    Way way;
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
  // Called on the lane's thread when an empty mailbox gets mail, and when mail becomes urgent.
  using Mail = std::function<void(bool urgent)>;
  static Result<std::unique_ptr<TunnelLane>> open(const runtime::TunOptions& tun,
                                                  const wireguard::DeviceOptions& device,
                                                  Mail mail);
  TunnelLane(const TunnelLane&) = delete;
  TunnelLane& operator=(const TunnelLane&) = delete;
  ~TunnelLane();

  // These four functions wait for the lane's thread. open_udp() opens a new socket beside the old
  // one; settle_udp() then uses the new socket or closes it.
  Status open_udp(const Endpoint& at, std::uint32_t mark, const runtime::Offloads& offloads);
  void settle_udp(bool use_new);
  void close_udp();
  Status set_mark(std::uint32_t mark);

  void set_working(bool working);  // false, as at the beginning: all packets are dropped
  // The lane applies the changes before its next packet.
  void change(const wireguard::LaneChanges& changes);
  bool take(LaneMail& out) { return mail_.take(out); }

 private:
  explicit TunnelLane(Mail mail) : announce_(std::move(mail)) {}
  // These four functions run on the lane's thread.
  void from_tun(std::span<const RoomyPacket> packets);
  void from_udp(std::span<Datagram> datagrams);
  void read_changes();
  void report();

  Mail announce_;
  Mailbox<wireguard::LaneChanges> changes_;
  Mailbox<LaneMail> mail_;
  std::unique_ptr<wireguard::Lane> lane_;  // the members from here to rest_: used on thread_ only
  std::unique_ptr<runtime::Tun> tun_;
  std::unique_ptr<runtime::UdpSocket> udp_;
  std::unique_ptr<runtime::UdpSocket> opened_udp_;
  bool working_ = false;
  wireguard::Output out_;
  Carrier carrier_;
  std::vector<Datagram> rest_;
  runtime::LoopThread thread_;
};

}  // namespace culvert::agent

#include "agent/wireguard/tunnel_lane.hpp"

#include <utility>

namespace culvert::agent {

Result<std::unique_ptr<TunnelLane>> TunnelLane::open(const runtime::TunOptions& tun,
                                                     const wireguard::DeviceOptions& device,
                                                     Mail mail) {
  std::unique_ptr<TunnelLane> lane(new TunnelLane(std::move(mail)));
  auto& self = *lane;
  self.lane_ = std::make_unique<wireguard::Lane>(device);
  Status opened;
  self.thread_.run([&] {
    auto queue = runtime::Tun::open(
        self.thread_.loop(), [&self](auto packets) { self.from_tun(packets); }, tun);
    if (queue) {
      self.tun_ = std::move(*queue);
    } else {
      opened = fail_with(queue.error());
    }
  });
  if (!opened) return fail_with(opened.error());
  return lane;
}

TunnelLane::~TunnelLane() {
  thread_.run([this] {
    tun_.reset();
    udp_.reset();
  });
}

Status TunnelLane::open_udp(const Endpoint& at, std::uint32_t mark,
                            const runtime::Offloads& offloads) {
  Status opened;
  thread_.run([&] {
    auto udp = runtime::UdpSocket::open(
        thread_.loop(), at, [this](auto datagrams) { from_udp(datagrams); },
        {.offloads = offloads, .share = runtime::PortShare::kFurther});
    opened = !udp ? fail_with(udp.error()) : mark == 0 ? Status{} : (*udp)->set_mark(mark);
    if (opened) opened_udp_ = std::move(*udp);
  });
  return opened;
}

void TunnelLane::settle_udp(bool use_new) {
  thread_.run([this, use_new] {
    if (use_new) udp_ = std::move(opened_udp_);
    opened_udp_.reset();
  });
}

void TunnelLane::close_udp() {
  thread_.run([this] { udp_.reset(); });
}

Status TunnelLane::set_mark(std::uint32_t mark) {
  Status marked;
  thread_.run([&] {
    if (udp_) marked = udp_->set_mark(mark);
  });
  return marked;
}

void TunnelLane::set_working(bool working) {
  thread_.loop().post([this, working] { working_ = working; });
}

void TunnelLane::change(const wireguard::LaneChanges& changes) {
  const bool first = changes_.put([&changes](wireguard::LaneChanges& waiting) {
    const bool none = waiting.empty();
    waiting.merge(changes);
    return none;
  });
  if (first) thread_.loop().post([this] { read_changes(); });
}

void TunnelLane::read_changes() {
  wireguard::LaneChanges changes;
  if (!changes_.take(changes)) return;
  lane_->apply(thread_.loop().now().steady, changes, out_);
  carrier_.flush(out_, *tun_, udp_.get());
  report();
}

void TunnelLane::from_tun(std::span<const RoomyPacket> packets) {
  read_changes();
  if (!working_ || !udp_) return;
  lane_->send(thread_.loop().now().steady, packets, out_);
  carrier_.flush(out_, *tun_, udp_.get());
  report();
}

void TunnelLane::from_udp(std::span<Datagram> datagrams) {
  read_changes();
  if (!working_) return;
  lane_->receive(thread_.loop().now().steady, datagrams, out_, rest_);
  carrier_.flush(out_, *tun_, udp_.get());
  report();
}

void TunnelLane::report() {
  if (!lane_->has_reports() && rest_.empty()) return;
  enum class News : std::uint8_t { kNone, kSome, kUrgent };
  const auto news = mail_.put([this](LaneMail& mail) {
    const bool empty = mail.empty();
    const bool urgent = mail.urgent();
    lane_->take_reports(mail.reports);
    for (const auto& each : rest_) {
      if (mail.messages.size() == LaneMail::kMaxMessages) break;
      mail.messages.push_back({each.way, to_bytes(each.bytes), each.ecn});
    }
    if (mail.urgent() && !urgent) return News::kUrgent;
    return empty ? News::kSome : News::kNone;
  });
  rest_.clear();
  if (news != News::kNone) announce_(news == News::kUrgent);
}

}  // namespace culvert::agent

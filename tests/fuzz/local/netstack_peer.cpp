#include "tests/fuzz/local/netstack_peer.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace culvert::fuzz {

using device_test::kAck;
using device_test::kFin;
using device_test::kRst;
using device_test::kSyn;
using device_test::Segment;

namespace {

constexpr std::uint16_t kService = 443;
constexpr int kHonestTicks = 1000;         // one round of the honest peer
constexpr int kHonestRounds = 4 * 60 * 2;  // of a minute: longer than any timer of lwIP

[[noreturn]] void fail(const char* what, const Remote& remote) {
  std::fprintf(stderr,
               "%s: port %u, written %u, received %u, highest %u, sent %u, delivered %u, "
               "finished %d, fin sent %d\n",
               what, remote.port, remote.written, remote.next, remote.highest, remote.sent,
               remote.delivered, remote.finished, remote.fin_sent);
  std::abort();
}

IpAddress address(std::uint8_t last) {
  IpAddress out;
  out.bytes[0] = 0xFD;
  out.bytes[15] = last;
  return out;
}

}  // namespace

Segment Remote::segment(std::uint8_t flags) const {
  Segment out;
  out.from = port;
  out.to = stack_port;
  out.seq = isn + 1 + sent;
  out.ack = stack_isn + 1 + next;
  out.flags = flags;
  return out;
}

Peer::Peer() : here(address(1)), there(address(2)) {
  stack::NetstackOptions options;
  options.clock = [this] { return now_; };
  stack_ = std::make_unique<stack::Netstack>(loop_, rng_, std::move(options), [this](auto packets) {
    for (const RoomyPacket& packet : packets) take(packet.packet());
  });
  const auto on_accept = [this](std::unique_ptr<runtime::ByteStream> stream, Endpoint peer) {
    accepted(std::move(stream), peer.port);
  };
  if (!stack_->add_address(here) || !stack_->listen({here, kService}, on_accept)) std::abort();
}

Remote* Peer::by_port(std::uint16_t port) {
  for (auto& remote : remotes_) {
    if (remote.port == port) return &remote;
  }
  return nullptr;
}

Remote& Peer::fresh(std::size_t slot) {
  auto& remote = this->remote(slot);
  remote = Remote{};
  remote.port = next_port_++;
  remote.isn = static_cast<std::uint32_t>(rng_.next());
  return remote;
}

void Peer::called(Remote& remote) {
  stack_->connect(here, {there, remote.port}, 10s, [this, port = remote.port](auto stream) {
    if (stream) accepted(std::move(*stream), port);
  });
  flush();
}

void Peer::deliver(Remote& remote, Segment segment) {
  if (segment.from == 0) segment.from = remote.port;
  const auto start = static_cast<std::int32_t>(segment.seq - remote.isn - 1);
  const auto end = start + static_cast<std::int32_t>(segment.data.size());
  const bool empty = segment.data.empty() && (segment.flags & kFin) == 0;
  if (!empty) remote.end = std::max(remote.end, end);
  remote.reach = std::max(remote.reach, end);
  if ((segment.flags & kFin) != 0) {
    remote.peer_fin_at = std::min(remote.peer_fin_at.value_or(end), end);
  }
  batch_.push_back(device_test::packet(there, here, segment));
  if (!batching || batch_.size() >= 64) flush();
}

void Peer::flush() {
  const auto batch = std::exchange(batch_, {});
  const std::vector<ByteView> views(batch.begin(), batch.end());
  stack_->input(views);
}

void Peer::take(ByteView packet) {
  const auto segment = device_test::parse_segment(packet);
  auto* remote = by_port(segment.to);
  if (remote == nullptr) return;
  if ((segment.flags & kRst) != 0) {
    remote->reset = true;
  } else if ((segment.flags & kSyn) != 0 && (remote->stream || remote->closed)) {
    remote->reset = true;  // a new connection from the same port, with unknown data
  } else if ((segment.flags & kSyn) != 0) {
    remote->stack_isn = segment.seq;
    remote->stack_port = segment.from;
    remote->answered = true;
  } else if (remote->answered && !remote->reset) {
    remote->acknowledged = segment.ack - remote->isn - 1;
    take_data(*remote, segment);
  }
}

void Peer::take_data(Remote& remote, const Segment& segment) {
  const std::uint32_t start = segment.seq - remote.stack_isn - 1;
  const auto end = static_cast<std::uint32_t>(start + segment.data.size());
  if (!segment.data.empty() && (start > end || end > remote.written)) {
    fail("sent what was never written", remote);
  }
  remote.got.resize(std::max<std::size_t>(remote.got.size(), remote.written));
  for (std::uint32_t i = start; i < end; ++i) {
    if (segment.data[i - start] != byte_at(i, false)) fail("sent another byte", remote);
    remote.got[i] = true;
  }
  if ((segment.flags & kFin) != 0) {
    if (!remote.finished || end != remote.written) fail("FIN at another place", remote);
    remote.fin_at = end;
  }
  const std::uint32_t above = end + ((segment.flags & kFin) != 0 ? 1 : 0);
  if (!segment.data.empty() || remote.fin_at) remote.highest = std::max(remote.highest, above);
  while (remote.next < remote.got.size() && remote.got[remote.next]) ++remote.next;
  if (remote.fin_at && remote.next == *remote.fin_at) ++remote.next;
}

void Peer::accepted(std::unique_ptr<runtime::ByteStream> stream, std::uint16_t port) {
  auto* remote = by_port(port);
  if (remote == nullptr || remote->stream || remote->closed) return;
  remote->stream = std::move(stream);
  runtime::StreamEvents events;
  events.data = [remote, port](ByteView bytes) {
    if (remote->port != port) return;
    for (const std::uint8_t byte : bytes) {
      if (byte != byte_at(remote->delivered++, true)) fail("delivered another byte", *remote);
    }
    if (remote->delivered > remote->sent) fail("delivered what was never sent", *remote);
    if (remote->ended) fail("delivered after the end", *remote);
  };
  events.end = [remote, port] { remote->ended |= remote->port == port; };
  events.closed = [remote, port](const runtime::Closing&) {
    remote->closed |= remote->port == port;
  };
  remote->stream->start(std::move(events));
}

void Peer::write(Remote& remote, std::uint32_t size) {
  if (!remote.stream || remote.finished || remote.closed) return;
  size = std::min(size, kMostWritten - remote.written);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = byte_at(remote.written++, false);
  remote.stream->write(bytes);
}

void Peer::tick(int times) {
  for (int i = 0; i < times; ++i) {
    now_ += std::chrono::milliseconds(50);
    stack_->tick();
    stack_->input({});
  }
}

bool Peer::complete(const Remote& remote) {
  if (remote.contradicts_itself()) return true;  // the peer alone is to blame when nothing comes
  const bool heard = remote.next >= remote.written;
  return heard && (remote.fin_sent || remote.delivered >= remote.sent);
}

// Sends all of the peer's data again, with its FIN, and acknowledges all received data, with a wide
// open window. Holes in the peer's data are filled.
void Peer::say_all(Remote& remote) {
  auto ack = remote.segment(kAck);
  ack.seq = remote.isn + 1 + remote.acknowledged;  // further ahead it may be outside the window
  ack.options = {1, 1, 1, 1};
  deliver(remote, ack);
  const auto fin = remote.peer_fin_at;
  const std::uint32_t last = static_cast<std::uint32_t>(fin ? std::max(*fin, 0) : remote.reach);
  for (std::uint32_t at = remote.delivered; at < last;) {
    auto data = remote.segment(kAck);
    data.seq = remote.isn + 1 + at;
    for (int i = 0; i < 1000 && at < last; ++i) data.data.push_back(byte_at(at++, true));
    if (fin && at == last) data.flags |= kFin;
    remote.sent = std::max(remote.sent, at);
    deliver(remote, std::move(data));
  }
}

// From here on the peer is honest and its packets are never lost: every byte must arrive on the
// open connections. Counts the rounds without progress.
void Peer::finish_honestly() {
  batching = false;
  flush();
  for (auto& remote : remotes_) {
    if (remote.open()) remote.stream->resume();
  }
  std::uint64_t before = 0;
  for (int still = 0; still < kHonestRounds; ++still) {
    bool waiting = false;
    std::uint64_t through = 0;
    for (auto& remote : remotes_) {
      through += remote.next + remote.delivered;
      if (!remote.open() || complete(remote)) continue;
      waiting = true;
      say_all(remote);
    }
    if (!waiting) return;
    if (std::exchange(before, through) != through) still = 0;
    tick(still < 100 ? 2 : kHonestTicks);
  }
  for (auto& remote : remotes_) {
    if (remote.open() && !complete(remote)) fail("stands still", remote);
  }
}

}  // namespace culvert::fuzz

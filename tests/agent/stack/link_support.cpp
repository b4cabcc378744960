#include "tests/agent/stack/link_support.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <utility>
#include <vector>

namespace culvert::device_test {
namespace {

using runtime::ByteStream;
using runtime::StreamEvents;

constexpr Duration kTick = std::chrono::milliseconds(TCP_TMR_INTERVAL);

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

void Direction::take(ByteView packet, Instant now, const LinkOptions& options) {
  Instant leaves = now;
  if (options.bytes_per_second > 0) {
    free = std::max(free, now);
    const auto size = static_cast<double>(packet.size());
    if (seconds(free - now) * options.bytes_per_second + size >
        static_cast<double>(options.queue)) {
      ++dropped;
      return;
    }
    free += Duration(static_cast<std::int64_t>(size / options.bytes_per_second * 1e9));
    leaves = free;
  }
  packets.push_back({leaves + options.delay, to_bytes(packet)});
}

void Flow::write() {
  static const Bytes chunk = pattern(32768, 1);
  while (left > 0 && from->unsent() <= runtime::kHighWater) {
    const auto size = std::min<std::uint64_t>(left, chunk.size());
    from->write(ByteView(chunk).first(size));
    left -= size;
  }
}

Simulation::Simulation(std::uint64_t seed, LinkOptions link_options)
    : rng(seed), options(link_options) {
  stack::NetstackOptions stack_options;
  stack_options.clock = [this] { return now; };
  stack.emplace(loop, rng, stack_options, [this](std::span<const RoomyPacket> packets) {
    for (const auto& each : packets) carry(each.packet());
  });
  REQUIRE(stack->add_address(a));
  REQUIRE(stack->add_address(b));
}

void Simulation::carry(ByteView packet) {
  const auto view = ip::PacketView::parse(packet);
  if ((lose && lose(*view)) || rng.below(100) < options.loss_percent) return;
  const bool there = view->destination == b;
  (there ? forth : back).take(packet, now, there ? options : LinkOptions{options.delay});
}

void Simulation::step() {
  now = tick_at;
  for (const auto* way : {&forth, &back}) {
    if (!way->packets.empty()) now = std::min(now, way->packets.front().due);
  }
  for (auto& flow : flows) {
    // The rest of the RTT counts as queueing.
    if (flow.reno && flow.pcb != nullptr) flow.pcb->min_rtt = 1;
  }
  for (auto* way : {&forth, &back}) {
    std::vector<Bytes> arriving;
    for (; !way->packets.empty() && way->packets.front().due <= now; way->packets.pop_front()) {
      arriving.push_back(std::move(way->packets.front().bytes));
    }
    const std::vector<ByteView> views(arriving.begin(), arriving.end());
    stack->input(views);  // with the events that follow, as in one turn of the loop
  }
  if (now < tick_at) return;
  tick_at += kTick;
  tcp_tmr();
  stack->input({});
}

void Simulation::run(Duration time) {
  for (const auto end = now + time; now < end;) step();
}

Flow& Simulation::open(std::uint64_t bytes) {
  auto& flow = flows.emplace_back();
  flow.left = bytes;
  const Endpoint service{b, static_cast<std::uint16_t>(443 + flows.size())};
  REQUIRE(stack->listen(service, [&flow](std::unique_ptr<ByteStream> stream, const Endpoint&) {
    StreamEvents events;
    events.data = [&flow](ByteView piece) { flow.arrived += piece.size(); };
    stream->start(std::move(events));
    flow.to = std::move(stream);
  }));
  stack->connect(a, service, 10s, [&flow](Result<std::unique_ptr<ByteStream>> stream) {
    REQUIRE(stream);
    flow.from = std::move(*stream);
    StreamEvents events;
    events.drained = [&flow] { flow.write(); };
    flow.from->start(std::move(events));
  });
  stack->input({});
  for (int i = 0; i < 1000 && !(flow.from && flow.to); ++i) step();
  REQUIRE((flow.from && flow.to));
  for (auto* pcb = tcp_active_pcbs; pcb != nullptr; pcb = pcb->next) {
    if (pcb->remote_port == service.port) flow.pcb = pcb;
  }
  REQUIRE(flow.pcb != nullptr);
  flow.write();
  return flow;
}

double mbit(std::uint64_t bytes, Duration time) {
  return static_cast<double>(bytes) * 8e-6 / seconds(time);
}

}  // namespace culvert::device_test

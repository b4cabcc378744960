#include "tests/agent/stack/netstack_support.hpp"

#include <catch2/catch.hpp>

#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::device_test {

using runtime::ByteStream;
using runtime::StreamEvents;

IpAddress address(std::uint8_t last) {
  auto out = *parse_address("fd00:c0:1::");
  out.bytes[15] = last;
  return out;
}

namespace {

bool sum_is_right(ByteView packet) {
  const auto view = ip::PacketView::parse(packet);
  return view && ip::transport_checksum(view->source, view->destination, view->protocol,
                                        view->transport) == 0;
}

}  // namespace

World::World(std::uint64_t seed_value, Wire wire_options)
    : seed(seed_value), rng(seed_value), wire(wire_options) {
  stack.emplace(loop, rng, stack::NetstackOptions{},
                [this](std::span<const RoomyPacket> packets) { carry(packets); });
  REQUIRE(stack->add_address(a));
  REQUIRE(stack->add_address(b));
}

void World::carry(std::span<const RoomyPacket> packets) {
  ++wire.batches;
  wire.packets += packets.size();
  std::vector<Bytes> arriving = std::exchange(late, {});
  for (const auto& each : packets) {
    const ByteView packet = each.packet();
    if (on_packet) on_packet(packet);
    if (!sum_is_right(packet)) ++wire.wrong_sums;
    if (!ip::PacketView::parse(packet)->payload().empty()) ++wire.with_data;
    if (wire.cut || rng.below(100) < wire.loss_percent) {
      ++wire.lost;
    } else if (rng.below(100) < wire.reorder_percent) {
      ++wire.reordered;
      late.push_back(to_bytes(packet));
    } else {
      arriving.push_back(to_bytes(packet));
    }
  }
  const std::vector<ByteView> views(arriving.begin(), arriving.end());
  if (stack) stack->input(views);
}

void End::start() {
  StreamEvents events;
  events.data = [this](ByteView bytes) {
    append(received, bytes);
    ++pieces;
    if (closed) ++events_after_closed;
  };
  events.end = [this] {
    ended = true;
    if (closed) ++events_after_closed;
  };
  events.drained = [this] {
    if (on_drained) on_drained();
  };
  events.closed = [this](const runtime::Closing& why) {
    if (closed) ++events_after_closed;
    closed = why.value_or(Error{ErrorCode::kUnavailable, ""});
  };
  stream->start(std::move(events));
}

std::unique_ptr<Pair> connected(World& world, bool start, std::optional<IpAddress> from) {
  auto pair = std::make_unique<Pair>();
  auto* ends = pair.get();
  const auto accepted = [ends](std::unique_ptr<ByteStream> stream, Endpoint peer) {
    ends->server.stream = std::move(stream);
    ends->peer = peer;
  };
  REQUIRE(world.stack->listen(world.service, accepted));
  world.stack->connect(from.value_or(world.a), world.service, 10s,
                       [ends](Result<std::unique_ptr<ByteStream>> stream) {
                         REQUIRE(stream);
                         ends->client.stream = std::move(*stream);
                       });
  REQUIRE(world.until([&] { return ends->client.stream && ends->server.stream; }));
  world.stack->unlisten(world.service);
  if (start) {
    pair->client.start();
    pair->server.start();
  }
  return pair;
}

Bytes pattern(std::size_t size, std::uint64_t seed) {
  Bytes out(size);
  SeededRng(seed).fill(out);
  return out;
}

Pump::Pump(End& end, Bytes bytes) : end_(end), bytes_(std::move(bytes)) {
  end_.on_drained = [this] { more(); };
  more();
}

void Pump::more() {
  while (sent_ < bytes_.size() && end_.stream->unsent() <= runtime::kHighWater) {
    const auto size = std::min<std::size_t>(bytes_.size() - sent_, 32768);
    end_.stream->write(ByteView(bytes_).subspan(sent_, size));
    sent_ += size;
  }
  if (sent_ == bytes_.size()) end_.stream->finish();
}

void transfer_both_ways(World& world, std::size_t size) {
  INFO("seed " << world.seed);
  auto pair = connected(world);
  const auto there = pattern(size, world.seed + 1);
  const auto back = pattern(size / 2, world.seed + 2);
  Pump up(pair->client, there);
  Pump down(pair->server, back);
  REQUIRE(world.until([&] { return pair->client.closed && pair->server.closed; }));
  CHECK(pair->server.received == there);
  CHECK(pair->client.received == back);
  CHECK(pair->client.closed->message.empty());
  CHECK(pair->server.closed->message.empty());
  CHECK(pair->client.events_after_closed + pair->server.events_after_closed == 0);
}

}  // namespace culvert::device_test

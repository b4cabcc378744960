// The attacker is a granted peer that sends any segments on connections that it has opened.
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "agent/stack/closed_streams.hpp"
#include "agent/stack/netstack.hpp"
#include "lwip/priv/tcp_priv.h"
#include "tests/agent/stack/netstack_support.hpp"
#include "tests/agent/stack/raw_peer.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::device_test;
using runtime::ByteStream;

namespace {

constexpr std::uint16_t kService = 443;

struct Key {
  std::uint8_t peer;
  std::uint16_t port;
  friend auto operator<=>(const Key&, const Key&) = default;
};

struct Remote {
  std::uint32_t isn = 1000, stack_isn = 0, next = 0;  // `next`: the end of what the stack has sent
  std::size_t packets = 0;
  bool answered = false, reset = false, fin = false;
  std::unique_ptr<ByteStream> stream;
  Bytes received;
  bool closed = false;
};

struct Site {
  Site() {
    stack::NetstackOptions options;
    options.clock = [this] { return now; };
    stack.emplace(loop, rng, std::move(options), [this](auto packets) {
      for (const auto& each : packets) take(each.packet());
    });
    REQUIRE(stack->add_address(here));
    REQUIRE(stack->listen({here, kService}, [this](auto stream, Endpoint peer) {
      auto& remote = remotes[{peer.address.bytes[15], peer.port}];
      remote.stream = std::move(stream);
      runtime::StreamEvents events;
      events.data = [&remote](ByteView bytes) { append(remote.received, bytes); };
      events.closed = [&remote](const runtime::Closing&) { remote.closed = true; };
      remote.stream->start(std::move(events));
    }));
  }

  void take(ByteView packet) {
    const auto segment = parse_segment(packet);
    auto& remote = remotes[{packet[39], segment.to}];
    ++remote.packets;
    if ((segment.flags & kRst) != 0) remote.reset = true;
    if ((segment.flags & kSyn) != 0) {
      remote.stack_isn = segment.seq;
      remote.answered = true;
    } else if (!segment.data.empty() || (segment.flags & kFin) != 0) {
      remote.fin |= (segment.flags & kFin) != 0;
      const auto end = static_cast<std::uint32_t>(segment.seq - remote.stack_isn - 1 +
                                                  segment.data.size() + (remote.fin ? 1 : 0));
      remote.next = std::max(remote.next, end);
    }
  }

  // `seq` and `ack` are offsets in the two streams.
  void send(Key key, std::uint32_t seq, std::uint32_t ack, Segment segment) {
    auto& remote = remotes[key];
    segment.from = key.port;
    segment.to = kService;
    segment.seq = remote.isn + 1 + seq;
    segment.ack = remote.stack_isn + 1 + ack;
    if (segment.flags == 0) segment.flags = kAck;
    const auto bytes = packet(address(key.peer), here, segment);
    const ByteView one(bytes);
    stack->input({&one, 1});
  }

  Remote& open(Key key, std::uint16_t window = 65535, Bytes options = mss_option(1360)) {
    Segment syn;
    syn.flags = kSyn;
    syn.window = window;
    syn.options = std::move(options);
    send(key, static_cast<std::uint32_t>(-1), 0, syn);
    Segment ack;
    ack.window = window;
    send(key, 0, 0, ack);
    return remotes[key];
  }

  void tick(int times) {
    for (int i = 0; i < times; ++i) {
      now += 50ms;
      stack->tick();
      stack->input({});
    }
  }

  // Whether an honest peer's data arrives and the stack's data comes back.
  bool serves(std::uint8_t peer) {
    const Key key{peer, static_cast<std::uint16_t>(60000 + served++)};
    auto& remote = open(key);
    if (!remote.stream) return false;
    Segment request;
    request.data = to_bytes(view("request"));
    send(key, 0, 0, request);
    if (text(remote.received) != "request") return false;
    remote.stream->write(Bytes(1000, 'a'));
    stack->input({});
    return remote.next == 1000;
  }

  Instant now{1'000'000'000};
  runtime::Loop loop;  // never runs
  SeededRng rng{1};
  IpAddress here = address(1);
  std::map<Key, Remote> remotes;
  int served = 0;
  std::optional<stack::Netstack> stack;
};

Segment with_window(std::uint16_t window) {
  Segment out;
  out.window = window;
  return out;
}

Segment with_data(std::size_t size, std::uint8_t flags = kAck) {
  Segment out;
  out.data = Bytes(size, 'd');
  out.flags = flags;
  return out;
}

const Bytes kScaled = {2, 4, 5, 0x50, 3, 3, 7, 4, 2};  // MSS 1360, window scale 7, SACK

}  // namespace

TEST_CASE("peer: the size of segments is agreed on in the handshake alone") {
  Site site;
  const Key key{2, 40000};
  auto& remote = site.open(key, 4000);
  remote.stream->write(Bytes(20000, 'x'));
  site.stack->input({});
  Segment smaller = with_window(4000);
  smaller.options = mss_option(536);
  site.send(key, 0, remote.next, smaller);
  remote.stream->write(Bytes(20000, 'x'));
  site.stack->input({});
  for (int i = 0; i < 200 && remote.next < 40000; ++i) {
    site.send(key, 0, remote.next, with_window(4000));
    site.tick(4);
  }
  CHECK(remote.next == 40000);
  CHECK(site.serves(3));
}

TEST_CASE("peer: no size of segments is too small for the stack") {
  Site site;
  for (const auto mss : std::initializer_list<std::uint16_t>{0, 1, 2, 40, 535}) {
    const Key key{2, static_cast<std::uint16_t>(40000 + mss)};
    auto& remote = site.open(key, 65535, mss_option(mss));
    const std::size_t before = remote.packets;
    remote.stream->write(Bytes(5360, 'x'));
    site.stack->input({});
    CHECK(remote.next == 5360);
    CHECK(remote.packets - before <= 11);
  }
}

TEST_CASE("peer: windows of any size end nothing") {
  for (const bool finish : {false, true}) {
    for (const auto window :
         std::initializer_list<std::uint16_t>{1, 2, 100, 535, 1000, 1359, 1361, 2721}) {
      Site site;
      const Key key{2, 40000};
      auto& remote = site.open(key, 0, {});
      remote.stream->write(Bytes(5000, 'x'));
      if (finish) remote.stream->finish();
      const std::uint32_t all = finish ? 5001 : 5000;
      site.stack->input({});
      site.send(key, 0, 0, with_window(window));
      site.tick(40);
      for (int i = 0; i < 20 && remote.next < all; ++i) {
        site.send(key, 0, remote.next, with_window(i % 2 == 0 ? 0 : window));
        site.tick(30);
      }
      for (int i = 0; i < 50 && remote.next < all; ++i) {
        site.send(key, 0, remote.next, with_window(65535));
        site.tick(4);
      }
      INFO("window " << window);
      CHECK(remote.next == all);
      CHECK_FALSE(remote.reset);
      CHECK(site.serves(3));
    }
  }
}

TEST_CASE("peer: the answer to a probe may be all that was waited for") {
  Site site;
  const Key one{2, 40000}, fin{2, 40001};
  site.open(one, 0, {}).stream->write(Bytes(1, 'x'));
  site.open(fin, 0, {}).stream->finish();
  site.tick(20);
  CHECK(site.remotes[one].next == 1);
  CHECK(site.remotes[fin].fin);
  site.send(one, 0, 1, with_window(0));
  site.send(fin, 0, 1, with_window(0));
  site.tick(300);
  CHECK_FALSE(site.remotes[one].reset);
  CHECK(site.serves(3));
}

TEST_CASE("peer: what lies beyond the window is cut off, in sequence or not") {
  Site site;
  const Key key{2, 40000};
  auto& remote = site.open(key, 65535, {});  // no scaling: the window is 65,535
  remote.stream->pause();
  site.send(key, 65000, 0, with_data(1400, kAck | kFin));
  site.send(key, 64000, 0, with_data(1400));
  for (std::uint32_t at = 0; at < 66000; at += 1000) site.send(key, at, 0, with_data(1400));
  remote.stream->resume();
  site.stack->input({});
  CHECK(remote.received.size() == 65535);
  CHECK_FALSE(remote.closed);
  CHECK(site.serves(3));
}

TEST_CASE("peer: data above a FIN is not delivered, whatever came first") {
  Site site;
  const Key key{2, 40000};
  auto& remote = site.open(key);
  site.send(key, 500, 0, with_data(0, kAck | kFin));
  site.send(key, 100, 0, with_data(1000));
  site.send(key, 0, 0, with_data(1000));
  CHECK(remote.received.size() == 500);
  CHECK(site.serves(3));
}

TEST_CASE("peer: an ACK of what was never sent does not stop the stream") {
  Site site;
  const Key key{2, 40000};
  auto& remote = site.open(key);
  remote.stream->write(Bytes(1000, 'x'));
  site.stack->input({});
  site.send(key, 0, 5000, with_window(0));
  site.send(key, 70000, 1000, with_window(0));
  site.send(key, 0, 1000, with_window(65535));
  remote.stream->write(Bytes(1000, 'x'));
  site.stack->input({});
  CHECK(remote.next == 2000);
}

TEST_CASE("peer: a hundred connections with holes take nobody else's segments") {
  Site site;
  for (std::uint16_t i = 0; i < 200; ++i) {
    const Key key{2, static_cast<std::uint16_t>(10000 + i)};
    site.open(key, 65535, kScaled);
    for (std::uint32_t at = 0; at < 600; ++at) site.send(key, 2 + 2 * at, 0, with_data(1));
  }
  CHECK(tcp_all.ooseq <= TCP_SHARE_OOSEQ / 2 + 1);
  CHECK(tcp_all.ooseq > 1000);
  CHECK(site.serves(3));
  for (std::uint8_t peer = 4; peer < 12; ++peer) {  // the same for the next peers
    const Key key{peer, 10000};
    site.open(key, 65535, kScaled);
    site.send(key, 10, 0, with_data(10));
    site.send(key, 0, 0, with_data(10));
    CHECK(site.remotes[key].received.size() == 20);
  }
}

TEST_CASE("peer: streams that nobody reads take half of what may be held, in sequence or not") {
  Site site;
  for (std::uint16_t i = 0; i < 140; ++i) {
    const Key key{2, static_cast<std::uint16_t>(10000 + i)};
    auto& remote = site.open(key, 65535, kScaled);
    remote.stream->pause();
    for (std::uint32_t at = 0; at < 520'000; at += 1400) site.send(key, at, 0, with_data(1400));
  }
  CHECK(site.stack->counters().held_bytes <= stack::kMaxHeldBytes / 4 * 3 + 2000);
  CHECK(site.stack->counters().held_bytes > stack::kMaxHeldBytes / 3);
  CHECK(site.serves(3));
  CHECK(site.serves(2));  // its readers that keep up are not stopped by slow readers
}

TEST_CASE("peer: what it does not acknowledge leaves room for others") {
  Site site;
  for (std::uint16_t i = 0; i < 300; ++i) {
    auto& remote = site.open({2, static_cast<std::uint16_t>(10000 + i)}, 65535, kScaled);
    remote.stream->write(Bytes(500'000, 'x'));
    site.stack->input({});
  }
  CHECK(tcp_all.queued <= TCP_SHARE_QUEUED - TCP_SHARE_SPARE + 1000);
  CHECK(site.serves(3));
  auto& other = site.open({4, 10000}, 65535, kScaled);
  other.stream->write(Bytes(13'600, 'x'));
  site.stack->input({});
  CHECK(other.next == 13'600);
  // The peer's own connections still work, a little at a time.
  CHECK(site.serves(2));
}

TEST_CASE("peer: half-open connections leave room in the backlog") {
  Site site;
  for (std::uint16_t i = 0; i < 1000; ++i) {
    Segment syn;
    syn.flags = kSyn;
    site.send({2, static_cast<std::uint16_t>(10000 + i)}, static_cast<std::uint32_t>(-1), 0, syn);
  }
  std::size_t answered = 0;
  for (const auto& [key, remote] : site.remotes) answered += remote.answered ? 1 : 0;
  CHECK(answered <= TCP_DEFAULT_LISTEN_BACKLOG / 2 + 1);
  CHECK(answered > TCP_DEFAULT_LISTEN_BACKLOG / 4);
  for (std::uint8_t peer = 3; peer < 20; ++peer) CHECK(site.serves(peer));
}

TEST_CASE("peer: connections leave room for those of others") {
  Site site;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    site.open({2, static_cast<std::uint16_t>(10000 + i)});
  }
  CHECK(site.stack->counters().connections <= stack::kMaxConnections / 2 + 1);
  CHECK(site.serves(3));
  CHECK(site.serves(4));
  CHECK_FALSE(site.serves(2));
  site.stack->end_peer(address(2));
  CHECK(site.serves(3));  // although thousands of resets wait to be sent
  site.stack->input({});
  CHECK(site.serves(2));
  CHECK(site.stack->counters().connections < 10);
}

TEST_CASE("peer: what waits in closed streams is bounded, oldest first, and given back") {
  Site site;
  const auto closed_with = [&](std::uint8_t peer, std::uint16_t port) {
    auto& remote = site.open({peer, port}, 1000, {});
    remote.stream->write(Bytes(1'000'000, 'x'));
    remote.stream->finish();
    remote.stream.reset();
    site.stack->input({});
  };
  closed_with(3, 10000);
  for (std::uint16_t i = 0; i < 200; ++i) closed_with(2, static_cast<std::uint16_t>(10000 + i));
  CHECK(site.stack->counters().closed_bytes <= stack::kMaxClosedBytes / 2 + 1'000'000);
  CHECK(site.stack->counters().closed_bytes > stack::kMaxClosedBytes / 3);
  CHECK(site.remotes[{2, 10000}].reset);
  CHECK_FALSE(site.remotes[{2, 10199}].reset);
  CHECK_FALSE(site.remotes[{3, 10000}].reset);
  site.tick(20 * 40);  // longer than kDetachedTime
  CHECK(site.stack->counters().closed_bytes == 0);
  CHECK(site.stack->counters().connections == 0);
}

TEST_CASE("peer: an accepted connection of a silent peer is over after two minutes") {
  Site site;
  const Key idle{2, 40000}, waiting{2, 40001}, finished{2, 40002}, alive{3, 40000};
  site.open(idle);
  site.open(waiting).stream->write(Bytes(5000, 'x'));
  site.open(finished).stream->finish();
  site.open(alive);
  site.stack->input({});
  site.send(finished, 0, 1, with_window(65535));
  for (int second = 0; second < 115; ++second) {
    const std::size_t before = site.remotes[alive].packets;
    site.tick(20);
    if (site.remotes[alive].packets > before) site.send(alive, 0, 0, with_window(65535));
    if (second == 50) CHECK_FALSE(site.remotes[idle].closed);
    if (second == 40) CHECK(tcp_watched_pcbs != nullptr);  // while idle
  }
  CHECK(site.remotes[idle].packets > 4);  // probes
  site.tick(20 * 15);
  CHECK(site.remotes[idle].closed);
  CHECK(site.remotes[waiting].closed);
  CHECK(site.remotes[finished].closed);
  CHECK_FALSE(site.remotes[alive].closed);
}

TEST_CASE("peer: streams may be used after their connection and their stack are over") {
  for (const bool reset_first : {false, true}) {
    Site site;
    const Key key{2, 40000};
    auto& remote = site.open(key);
    if (reset_first) {
      site.send(key, 0, 0, with_data(0, kAck | kRst));
      CHECK(remote.closed);
      remote.stream->resume();
      remote.stream->finish();
      remote.stream->write(Bytes(10));
      site.stack->input({});
    }
    site.stack.reset();
    remote.stream->write(Bytes(10));
    remote.stream->pause();
    remote.stream->resume();
    remote.stream->finish();
    remote.stream->close();
    remote.stream->finish();
    remote.stream.reset();
    site.loop.run_until([] { return false; }, Duration::zero());
  }
}

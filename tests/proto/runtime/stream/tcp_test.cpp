#include "proto/runtime/stream/tcp.hpp"
#include "proto/core/host_port.hpp"
#include "proto/runtime/packet/interface.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/resolve.hpp"
#include "tests/proto/runtime/runtime_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

TEST_CASE("TCP carries bytes both ways and keeps half-close", "[runtime][tcp]") {
  Loop loop;
  TcpPair pair(loop);
  CHECK(pair.client->peer_endpoint() == pair.server->local_endpoint());
  pair.client->write(view("before start, "));
  Peer client;
  Peer server;
  client.take(std::move(pair.client));
  server.take(std::move(pair.server));
  client.write("hello");
  client.stream->finish();
  client.write("ignored");
  RUN_UNTIL(loop, server.ended);
  CHECK(server.got == "before start, hello");
  CHECK_FALSE(server.closed);
  server.write("answer after the half-close");
  server.stream->finish();
  RUN_UNTIL(loop, client.closed && server.closed);
  CHECK(client.got == "answer after the half-close");
  CHECK(client.closed->message.empty());
  CHECK(server.closed->message.empty());
}

TEST_CASE("a stream may be closed or destroyed inside each of its events", "[runtime][tcp]") {
  Loop loop;
  const bool destroy = GENERATE(true, false);
  const std::string where = GENERATE("data", "end", "closed", "drained");
  CAPTURE(destroy, where);
  TcpPair pair(loop);
  std::shared_ptr<ByteStream> victim = std::move(pair.server);
  bool happened = false;
  const auto strike = [&, owned = std::make_shared<std::string>("captured state")] {
    happened = true;
    if (destroy) {
      victim.reset();
    } else {
      victim->close();
      victim->write(view("after close"));
      victim->resume();
    }
    CHECK(*owned == "captured state");  // the closure must live until the stream has ended
  };
  StreamEvents events;
  if (where == "data") events.data = [strike](ByteView) { strike(); };
  if (where == "end") events.end = strike;
  if (where == "closed") events.closed = [strike](const runtime::Closing&) { strike(); };
  if (where == "drained") events.drained = strike;
  victim->start(std::move(events));
  Peer client;
  client.take(std::move(pair.client));  // reads nothing before the loop runs
  if (where == "drained") {
    while (victim->unsent() <= kLowWater) victim->write(Bytes(64U << 10U));
  }
  client.write("x");
  client.stream->finish();
  if (where == "closed") victim->finish();
  RUN_UNTIL(loop, happened);
}

TEST_CASE("a writer beyond the bound is closed, with memory bounded", "[runtime][tcp]") {
  Loop loop;
  TcpPair pair(loop);
  Peer writer;
  writer.take(std::move(pair.client));
  const Bytes chunk(1U << 20U);
  for (int i = 0; i < 64; ++i) {
    writer.stream->write(chunk);
    CHECK(writer.stream->unsent() <= kMaxUnsent + chunk.size());
  }
  RUN_UNTIL(loop, writer.closed.has_value());
  CHECK(writer.closed->code == ErrorCode::kExhausted);
}

TEST_CASE("one stream gets one buffer a turn, however much its peer has sent", "[runtime][tcp]") {
  Loop loop;
  TcpPair pair(loop);
  constexpr std::size_t kAll = 2U << 20U;
  std::size_t turn = 0, got = 0, in_turn = 0, most = 0;
  std::function<void()> next_turn = [&] {
    ++turn;
    in_turn = 0;
    loop.defer(next_turn);
  };
  StreamEvents events;
  events.data = [&](ByteView bytes) {
    got += bytes.size();
    in_turn += bytes.size();
    most = std::max(most, in_turn);
  };
  events.end = [] {};
  events.drained = [] {};
  events.closed = [](const runtime::Closing&) {};
  Peer sender;
  sender.take(std::move(pair.client));
  sender.stream->write(Bytes(kAll, 'x'));
  loop.defer(next_turn);
  pair.server->start(std::move(events));
  RUN_UNTIL(loop, got == kAll);
  CHECK(most <= (64U << 10U));
  CHECK(turn >= kAll / (64U << 10U));
}

TEST_CASE("pause holds data and end back until resume", "[runtime][tcp]") {
  Loop loop;
  TcpPair pair(loop);
  pair.server->pause();
  Peer client;
  Peer server;
  client.take(std::move(pair.client));
  server.take(std::move(pair.server));
  client.write("late");
  client.stream->finish();
  int turns = 0;
  for (int i = 0; i < 10; ++i) loop.defer([&] { ++turns; });
  RUN_UNTIL(loop, turns == 10);
  CHECK(server.got.empty());
  server.stream->resume();
  RUN_UNTIL(loop, server.ended);
  CHECK(server.got == "late");
}

TEST_CASE("connecting fails with one clear reason", "[runtime][tcp]") {
  Loop loop;
  std::optional<Error> error;
  const auto keep_error = [&](auto result) {
    REQUIRE_FALSE(result);
    error = result.error();
  };
  SECTION("nobody listens") {
    Endpoint dead;
    {
      auto listener = TcpListener::open(loop, loopback(), [](auto, auto) {});
      dead = (*listener)->local_endpoint();
    }
    TcpConnect connect(loop, dead, {}, keep_error);
    RUN_UNTIL(loop, error.has_value());
    CHECK(error->code == ErrorCode::kUnavailable);
    CHECK(error->message == "connect to " + format(dead) + ": connection refused");
  }
  SECTION("the address is not allowed") {
    ConnectOptions options;
    options.allowed = [](const IpAddress& address) { return !address.is_loopback(); };
    TcpConnect connect(loop, HostPort{"localhost", 80}, options, keep_error);
    RUN_UNTIL(loop, error.has_value());
    CHECK(error->code == ErrorCode::kDenied);
  }
  SECTION("no answer in time") {
    ConnectOptions options;
    options.timeout = 1ms;
    // TEST-NET-1 (RFC 5737): dropped, or refused at once where there is no route at all.
    TcpConnect connect(loop, HostPort{"192.0.2.1", 80}, options, keep_error);
    RUN_UNTIL(loop, error.has_value());
    CHECK((error->code == ErrorCode::kTimeout || error->code == ErrorCode::kUnavailable));
  }
}

TEST_CASE("an attempt is cancelled by destruction, also inside its callback", "[runtime][tcp]") {
  Loop loop;
  auto listener = TcpListener::open(loop, loopback(), [](auto, auto) {});
  REQUIRE(listener);
  const auto at = (*listener)->local_endpoint();
  {
    const TcpConnect dropped(loop, at, {}, [](auto) { FAIL("cancelled"); });
  }
  {
    const TcpConnect dropped(loop, HostPort{"localhost", at.port}, {}, [](auto) { FAIL("no"); });
  }
  std::unique_ptr<TcpConnect> connect;
  bool done = false;
  connect = std::make_unique<TcpConnect>(loop, at, ConnectOptions{}, [&](auto stream) {
    CHECK(stream);
    connect.reset();
    done = true;
  });
  RUN_UNTIL(loop, done);
}

TEST_CASE("a port in use is said with what to do", "[runtime][tcp]") {
  Loop loop;
  auto first = TcpListener::open(loop, loopback(), [](auto, auto) {});
  REQUIRE(first);
  const auto at = (*first)->local_endpoint();
  const auto second = TcpListener::open(loop, at, [](auto, auto) {});
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::kConflict);
  CHECK(second.error().message == "cannot listen on " + format(at) +
                                      ": address already in use (stop the other program or "
                                      "choose another port)");
}

TEST_CASE("host and port are parsed strictly", "[runtime][net]") {
  CHECK(*parse_host_port("name.example:80") == HostPort{"name.example", 80});
  CHECK(*parse_host_port("[fd00::1]:443") == HostPort{"fd00::1", 443});
  CHECK(format(HostPort{"fd00::1", 443}) == "[fd00::1]:443");
  for (const char* bad : {"", ":80", "name", "name:", "name:x", "name:65536", "name:80 ", "a b:80",
                          "fd00::1:80", "[fd00::1]", "[10.0.0.1]:80", "u@h:80"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_host_port(bad));
  }
}

TEST_CASE("names resolve, and unknown ones say so", "[runtime][net]") {
  Loop loop;
  std::optional<Result<std::vector<IpAddress>>> answer;
  const Resolve known(loop, "localhost", [&](auto found) { answer = std::move(found); });
  RUN_UNTIL(loop, answer.has_value());
  REQUIRE(*answer);
  CHECK((**answer).front().is_loopback());
  answer.reset();
  const Resolve unknown(loop, "no-such-host.invalid",
                        [&](auto found) { answer = std::move(found); });
  RUN_UNTIL(loop, answer.has_value());
  CHECK_FALSE(*answer);
  const auto addresses = interface_addresses();
  CHECK(std::find(addresses.begin(), addresses.end(), IpAddress::v4(127, 0, 0, 1)) !=
        addresses.end());
}

TEST_CASE("a destroyed listener refuses, although another process still has its descriptor",
          "[runtime][tcp]") {
  Loop loop;
  const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(made, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
  const int held = ::dup(made);
  auto listener = TcpListener::adopt(loop, made, [](auto, const Endpoint&) {});
  REQUIRE(listener);
  const Endpoint at = (*listener)->local_endpoint();
  listener->reset();
  std::optional<ErrorCode> refused;
  TcpConnect connect(loop, at, {}, [&](auto stream) {
    refused = stream ? ErrorCode::kInternal : stream.error().code;
  });
  RUN_UNTIL(loop, refused.has_value());
  CHECK(refused == ErrorCode::kUnavailable);
  ::close(held);
}

TEST_CASE("a listener leaves each turn of the loop to others, and waits while it is paused",
          "[runtime][tcp]") {
  Loop loop;
  int accepted = 0, in_this_turn = 0, most = 0;
  std::vector<std::unique_ptr<TcpStream>> kept;
  auto listener =
      TcpListener::open(loop, *parse_endpoint("127.0.0.1:0"), [&](auto stream, const Endpoint&) {
        kept.push_back(std::move(stream));
        ++accepted;
        most = std::max(most, ++in_this_turn);
      });
  REQUIRE(listener);
  (*listener)->pause();
  constexpr int kFlood = 10 * kMaxAcceptsATurn;
  std::vector<int> clients;
  for (int i = 0; i < kFlood; ++i) {  // these connections wait in the backlog
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    clients.push_back(made);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons((*listener)->local_endpoint().port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(made, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  int turns = 0;
  Timer tick(loop, [] {});
  REQUIRE(loop.run_until(
      [&] {
        tick.arm_in(1ms);
        return ++turns > 5;
      },
      30s));
  CHECK(accepted == 0);
  (*listener)->resume();
  REQUIRE(loop.run_until(
      [&] {
        in_this_turn = 0;
        return accepted == kFlood;
      },
      30s));
  CHECK(most == kMaxAcceptsATurn);
  for (const int client : clients) ::close(client);
}

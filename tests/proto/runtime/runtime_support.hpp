// Loopback pairs and collectors for the runtime's tests. Waits are loop runs with a bound.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>

#include "proto/runtime/stream/stream.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::test {

inline constexpr Duration kBound = 20s;

inline Endpoint loopback(std::uint16_t port = 0) { return {IpAddress::v4(127, 0, 0, 1), port}; }

// Owns a stream and collects its events.
struct Peer {
  std::shared_ptr<runtime::ByteStream> stream;
  std::string got;
  bool ended = false;
  int drained = 0;
  std::optional<Error> closed;

  Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void take(std::unique_ptr<runtime::ByteStream> given) {
    stream = std::move(given);
    runtime::StreamEvents events;
    events.data = [this](ByteView bytes) { got += text(bytes); };
    events.end = [this] { ended = true; };
    events.drained = [this] { ++drained; };
    events.closed = [this](const runtime::Closing& why) {
      closed = why.value_or(Error{ErrorCode::kUnavailable, ""});
    };
    stream->start(std::move(events));
  }
  void write(std::string_view what) { stream->write(view(what)); }
};

#define RUN_UNTIL(loop, condition) REQUIRE((loop).run_until([&] { return (condition); }, kBound))

// Two ends of one TCP connection, not started.
struct TcpPair {
  explicit TcpPair(runtime::Loop& loop) {
    auto listener = runtime::TcpListener::open(
        loop, loopback(), [&](std::unique_ptr<runtime::TcpStream> stream, const Endpoint&) {
          server = std::move(stream);
        });
    REQUIRE(listener);
    const runtime::TcpConnect connect(loop, (*listener)->local_endpoint(), {}, [&](auto stream) {
      REQUIRE(stream);
      client = std::move(*stream);
    });
    RUN_UNTIL(loop, client && server);
  }
  std::unique_ptr<runtime::TcpStream> client, server;
};

}  // namespace culvert::test

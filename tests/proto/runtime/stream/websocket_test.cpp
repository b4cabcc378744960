#include "proto/runtime/stream/websocket.hpp"

#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "tests/proto/runtime/stream/tls_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

struct SocketPeer {
  std::unique_ptr<WebSocketStream> socket;
  std::vector<Bytes> got;
  std::optional<Error> closed;

  void take(std::unique_ptr<WebSocketStream> given) {
    socket = std::move(given);
    WebSocketEvents events;
    events.message = [this](ByteView bytes) { got.push_back(to_bytes(bytes)); };
    events.closed = [this](const runtime::Closing& why) {
      closed = why.value_or(Error{ErrorCode::kUnavailable, ""});
    };
    socket->start(std::move(events));
  }
};

// A client frame, masked with zeros.
std::string frame(unsigned first, std::string_view payload, bool masked = true) {
  std::string out(1, static_cast<char>(first));
  const unsigned mask = masked ? 0x80U : 0U;
  if (payload.size() < 126) {
    out += static_cast<char>(mask | payload.size());
  } else {
    out += static_cast<char>(mask | 126U);
    out += static_cast<char>(payload.size() >> 8U);
    out += static_cast<char>(payload.size() & 0xFFU);
  }
  if (masked) out += std::string(4, '\0');
  return out + std::string(payload);
}

// A raw client of the server; the server may treat the client as a stranger.
struct RawClient {
  explicit RawClient(Loop& loop, bool stranger = false) {
    TcpPair tcp(loop);
    raw.take(std::move(tcp.client));
    if (stranger) tcp.server->limit(nullptr);
    server.take(std::make_unique<WebSocketStream>(loop, rng, WebSocketRole::kServer,
                                                  std::move(tcp.server)));
  }
  SeededRng rng{1};
  Peer raw;
  SocketPeer server;
};

}  // namespace

TEST_CASE("the accept value is RFC 6455's", "[runtime][websocket]") {
  http::RequestHead request{"GET",
                            "/chat",
                            {{"Host", "server.example.com"},
                             {"Upgrade", "websocket"},
                             {"Connection", "Upgrade"},
                             {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                             {"Sec-WebSocket-Protocol", "chat, derp"},
                             {"Sec-WebSocket-Version", "13"}}};
  const auto headers = websocket_accept(request, "derp");
  REQUIRE(headers);
  CHECK(headers->one("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(headers->one("Sec-WebSocket-Protocol") == "derp");
  CHECK_FALSE(websocket_accept(request, "other"));
  request.method = "POST";
  CHECK_FALSE(websocket_accept(request));
}

TEST_CASE("WebSocket messages cross TLS and the handshake, both ways", "[runtime][websocket]") {
  Loop loop;
  SeededRng rng(3);
  const auto identity = crypto::self_signed({"127.0.0.1", 1h, {}}, loop.now().wall);
  const auto context = serve(identity);
  const bool tls = GENERATE(true, false);
  SocketPeer server;
  std::unique_ptr<HttpAcceptor> acceptor;
  auto listener = TcpListener::open(loop, loopback(), [&](auto tcp, const Endpoint&) {
    std::unique_ptr<ByteStream> stream = std::move(tcp);
    if (tls) stream = TlsStream::server(loop, context, std::move(stream));
    acceptor = std::make_unique<HttpAcceptor>(loop, std::move(stream), [&](auto request) {
      REQUIRE(request);
      CHECK(request->target == "/control/v1");
      REQUIRE(is_websocket_upgrade(*request));
      const auto headers = websocket_accept(*request);
      REQUIRE(headers);
      server.take(std::make_unique<WebSocketStream>(loop, rng, WebSocketRole::kServer,
                                                    acceptor->upgrade(*headers)));
    });
  });
  REQUIRE(listener);
  const auto at = (*listener)->local_endpoint();
  SocketPeer client;
  std::unique_ptr<WebSocketConnect> connect;
  const http::Url url{tls, "127.0.0.1", at.port, "/control/v1"};
  connect = std::make_unique<WebSocketConnect>(
      loop, rng, url, trusting(identity.certificates_pem(), "127.0.0.1"), [&](auto socket) {
        REQUIRE(socket);
        client.take(std::move(*socket));
        connect.reset();
      });
  RUN_UNTIL(loop, client.socket && server.socket);
  std::vector<Bytes> sent;
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U, 1U << 20U}) {
    sent.emplace_back(size, static_cast<std::uint8_t>(size));
    client.socket->send(sent.back());
    server.socket->send(sent.back());
  }
  RUN_UNTIL(loop, client.got.size() == sent.size() && server.got.size() == sent.size());
  CHECK(client.got == sent);
  CHECK(server.got == sent);
  client.socket->finish();
  RUN_UNTIL(loop, client.closed && server.closed);
  CHECK(client.closed->message.empty());
  CHECK(server.closed->message.empty());
}

TEST_CASE("fragments with a ping between make one message", "[runtime][websocket]") {
  Loop loop;
  RawClient pair(loop);
  const auto all =
      frame(0x02, "one ") + frame(0x89, "ping") + frame(0x00, "two ") + frame(0x80, "three");
  for (const char c : all) pair.raw.write(std::string(1, c));  // byte by byte
  RUN_UNTIL(loop, pair.server.got.size() == 1 && pair.raw.got.size() >= 6);
  CHECK(text(pair.server.got[0]) == "one two three");
  CHECK(pair.raw.got == frame(0x8A, "ping", false));  // the pong
}

TEST_CASE("a message has a bound of frames, a stranger's a lower one", "[runtime][websocket]") {
  Loop loop;
  const bool stranger = GENERATE(true, false);
  const bool empty = GENERATE(true, false);  // frames without payload count as well
  const std::size_t most = stranger ? kMaxStrangerFragments : kMaxFragments;
  const std::string piece = empty ? "" : "A";
  const auto message = [&](std::size_t frames) {
    std::string out = frame(0x02, piece);
    for (std::size_t i = 2; i < frames; ++i) out += frame(0x00, piece);
    return out + frame(0x80, piece);
  };
  RawClient pair(loop, stranger);
  pair.raw.write(message(most) + message(most));  // each message is counted by itself
  RUN_UNTIL(loop, pair.server.got.size() == 2);
  CHECK(pair.server.got[1].size() == (empty ? 0 : most));
  pair.raw.write(message(most + 1));
  RUN_UNTIL(loop, pair.server.closed && pair.raw.ended);
  CHECK(pair.server.got.size() == 2);
  CHECK(load_be<std::uint16_t>(view(pair.raw.got).data() + 2) == 1009);
}

TEST_CASE("a message that never ends is closed, however small its frames", "[runtime][websocket]") {
  Loop loop;
  RawClient pair(loop, true);
  pair.raw.write(frame(0x02, "A"));
  std::string flood;
  for (int i = 0; i < 10'000; ++i) flood += frame(0x00, "A");
  pair.raw.write(flood);
  RUN_UNTIL(loop, pair.server.closed.has_value());
  CHECK(pair.server.got.empty());
}

TEST_CASE("a stranger's message is short until the limits are lifted", "[runtime][websocket]") {
  Loop loop;
  RawClient pair(loop, true);
  CHECK(pair.server.socket->limited());
  const std::string piece(32U << 10U, 'x');
  pair.raw.write(frame(0x02, piece) + frame(0x80, piece));
  RUN_UNTIL(loop, pair.server.got.size() == 1);
  CHECK(pair.server.got[0].size() == kMaxForStranger);
  const bool lifted = GENERATE(true, false);
  if (lifted) pair.server.socket->lift_limits();
  CHECK(pair.server.socket->limited() != lifted);
  pair.raw.write(frame(0x02, piece) + frame(0x00, piece) + frame(0x80, "x"));
  RUN_UNTIL(loop, pair.server.got.size() == 2 || pair.server.closed);
  CHECK((pair.server.got.size() == 2) == lifted);
}

TEST_CASE("a stranger that pings and never reads is cut", "[runtime][websocket]") {
  Loop loop;
  RawClient pair(loop, true);
  pair.raw.stream->pause();
  std::string pings;
  for (int i = 0; i < 500; ++i) pings += frame(0x89, std::string(100, 'p'));
  std::size_t most = 0;
  REQUIRE(loop.run_until(
      [&] {
        if (!pair.raw.closed && pair.raw.stream->unsent() < kLowWater) pair.raw.write(pings);
        most = std::max(most, pair.server.socket->unsent());
        return pair.server.closed.has_value();
      },
      kBound));
  CHECK(pair.server.closed->code == ErrorCode::kExhausted);
  CHECK(most < 4 * kMaxForStranger);
}

TEST_CASE("each breach of the protocol closes the connection with the right code",
          "[runtime][websocket]") {
  Loop loop;
  const auto [bytes, code] = GENERATE(table<std::string, int>({
      {frame(0x82, "unmasked", false), 1002},
      {frame(0x83, "reserved opcode"), 1002},
      {frame(0xF2, "reserved bits"), 1002},
      {frame(0x80, "continues nothing"), 1002},
      {frame(0x02, "starts") + frame(0x82, "again"), 1002},
      {frame(0x09, "fragmented ping"), 0},  // wslay closes without a code in this case
      {frame(0x81, "text"), 1003},
      {std::string("\x82\xFF\x00\x00\x00\x00\x00\x10\x00\x01\x00\x00\x00\x00x", 15), 1009},
  }));
  CAPTURE(to_hex(view(bytes)));
  RawClient pair(loop);
  pair.raw.write(bytes);
  RUN_UNTIL(loop, pair.server.closed && pair.raw.ended);
  CHECK(pair.server.got.empty());
  CHECK_FALSE(pair.server.closed->message.empty());
  if (code == 0) {
    CHECK(pair.raw.got == std::string("\x88\0", 2));
    return;
  }
  REQUIRE(pair.raw.got.size() >= 4);
  CHECK(static_cast<unsigned char>(pair.raw.got[0]) == 0x88);
  CHECK(load_be<std::uint16_t>(view(pair.raw.got).data() + 2) == code);
}

TEST_CASE("an end without Close is an error", "[runtime][websocket]") {
  Loop loop;
  RawClient pair(loop);
  pair.raw.write(frame(0x82, "x"));
  pair.raw.stream->finish();
  RUN_UNTIL(loop, pair.server.closed.has_value());
  CHECK(pair.server.got.size() == 1);
  CHECK_FALSE(pair.server.closed->message.empty());
}

TEST_CASE("a WebSocket may be destroyed inside its events", "[runtime][websocket]") {
  Loop loop;
  const bool on_message = GENERATE(true, false);
  RawClient pair(loop);
  auto& socket = pair.server.socket;
  TcpPair tcp(loop);
  Peer raw;
  raw.take(std::move(tcp.client));
  bool happened = false;
  WebSocketEvents events;
  events.message = [&](ByteView) {
    if (!on_message) return;
    happened = true;
    socket.reset();
  };
  events.closed = [&](const runtime::Closing&) {
    happened = true;
    socket.reset();
  };
  socket = std::make_unique<WebSocketStream>(loop, pair.rng, WebSocketRole::kServer,
                                             std::move(tcp.server));
  socket->start(std::move(events));
  raw.write(frame(0x82, "a") + frame(0x82, "b") + frame(0x88, ""));
  RUN_UNTIL(loop, happened && (raw.ended || raw.closed));
}

TEST_CASE("pause holds messages back, none is lost", "[runtime][websocket]") {
  Loop loop;
  RawClient pair(loop);
  auto& socket = *pair.server.socket;
  std::string got;
  // Pauses inside each message, and continues later.
  TcpPair tcp(loop);
  Peer raw;
  raw.take(std::move(tcp.client));
  auto paused = std::make_unique<WebSocketStream>(loop, pair.rng, WebSocketRole::kServer,
                                                  std::move(tcp.server));
  WebSocketEvents events;
  bool is_paused = false;
  bool closed = false;
  events.message = [&](ByteView bytes) {
    CHECK_FALSE(is_paused);
    got += text(bytes);
    is_paused = true;
    paused->pause();
    loop.defer([&] {
      is_paused = false;
      paused->resume();
    });
  };
  events.closed = [&](const runtime::Closing& why) {
    CHECK_FALSE(why);
    closed = true;
  };
  paused->start(std::move(events));
  std::string expected;
  std::string all;
  for (int i = 0; i < 200; ++i) {
    expected += std::to_string(i);
    all += frame(0x82, std::to_string(i));
  }
  raw.write(all + frame(0x88, ""));
  RUN_UNTIL(loop, closed);
  CHECK(got == expected);
  socket.close();
}

TEST_CASE("bytes over WebSocket make a stream", "[runtime][websocket]") {
  Loop loop;
  SeededRng rng(9);
  TcpPair tcp(loop);
  Peer client;
  Peer server;
  client.take(websocket_byte_stream(loop, rng, WebSocketRole::kClient, std::move(tcp.client)));
  server.take(websocket_byte_stream(loop, rng, WebSocketRole::kServer, std::move(tcp.server)));
  const std::string big(3U << 20U, 'b');
  client.write("start ");
  client.write(big);
  RUN_UNTIL(loop, server.got.size() == 6 + big.size());
  CHECK(server.got == "start " + big);
  server.write("answer");
  client.stream->finish();
  RUN_UNTIL(loop, client.closed && server.closed);
  CHECK(client.got == "answer");
  CHECK((server.ended && client.ended));
  CHECK(server.closed->message.empty());
}

#include "proto/runtime/stream/tls.hpp"
#include "proto/core/host_port.hpp"

#include <catch2/catch.hpp>

#include "proto/runtime/stream/connect.hpp"
#include "proto/runtime/stream/splice.hpp"
#include "tests/proto/runtime/held_stream.hpp"
#include "tests/proto/runtime/stream/tls_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

const WallTime kNow = read_clocks().wall;

crypto::TlsIdentity identity_for(const std::string& name) {
  return crypto::self_signed({name, 1h, {}}, kNow);
}

std::shared_ptr<TlsClientContext> pinning(const crypto::Hash& pin) {
  TlsClientOptions options;
  options.verify = TlsVerify::kPinned;
  options.pin = pin;
  options.server_name = "whatever.example";
  auto context = TlsClientContext::make(options);
  REQUIRE(context);
  return *context;
}

}  // namespace

TEST_CASE("TLS carries bytes both ways, with half-close and clean ends", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("relay.example");
  const auto context = serve(identity, {"h2", "http/1.1"});
  TlsClientOptions options;
  options.verify = TlsVerify::kAuthorities;
  options.server_name = "relay.example";
  options.authorities_pem = identity.certificates_pem();
  options.alpn = {"http/1.1"};
  const auto client_context = TlsClientContext::make(options);
  REQUIRE(client_context);
  TlsPair pair(loop, context, *client_context);
  pair.client.write("early ");  // waits for the handshake
  const std::string big(3U << 20U, 'x');
  pair.client.write(big);
  pair.client.stream->finish();
  RUN_UNTIL(loop, pair.server.ended);
  CHECK(pair.server.got == "early " + big);
  CHECK(pair.client_info->version == "TLSv1.3");
  CHECK(pair.client_info->alpn == "http/1.1");
  CHECK(pair.client_info->peer_chain == std::vector<Bytes>{identity.certificate_der()});
  CHECK(pair.server_info->server_name == "relay.example");
  pair.server.write("after the client's half-close");
  pair.server.stream->finish();
  RUN_UNTIL(loop, pair.client.closed && pair.server.closed);
  CHECK(pair.client.got == "after the client's half-close");
  CHECK(pair.client.closed->message.empty());
  CHECK(pair.server.closed->message.empty());
  CHECK(context->counters().handshakes == 1);
  CHECK(context->counters().failed == 0);
}

TEST_CASE("a client refuses a server that it cannot verify", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("relay.example");
  const auto other = identity_for("relay.example");
  const auto expired =
      crypto::self_signed({"relay.example", 1h, {}}, kNow - std::chrono::hours{48});
  const auto common_name_alone =
      crypto::self_signed({"db~1.example", 1h, {}}, kNow);  // no subjectAltName
  const auto row = GENERATE(0, 1, 2, 3, 4);
  CAPTURE(row);
  auto served = identity;
  std::shared_ptr<TlsClientContext> client;
  if (row == 0) client = trusting(identity.certificates_pem(), "other.example");
  if (row == 1) client = trusting(other.certificates_pem(), "relay.example");
  if (row == 2) client = pinning(other.certificate_sha256());
  if (row == 3) {
    served = expired;
    client = trusting(expired.certificates_pem(), "relay.example");
  }
  if (row == 4) {
    served = common_name_alone;
    client = trusting(common_name_alone.certificates_pem(), "db~1.example");
  }
  const auto context = serve(served);
  TlsPair pair(loop, context, client);
  pair.client.write("must not be sent");
  RUN_UNTIL(loop, pair.client.closed && pair.server.closed);
  CHECK(pair.client.closed->code == ErrorCode::kUnverified);
  CHECK(pair.server.got.empty());
  CHECK(client->counters().failed == 1);
  CHECK(context->counters().failed == 1);
}

TEST_CASE("a pinned certificate is enough, whatever its name and dates", "[runtime][tls]") {
  Loop loop;
  const auto identity = crypto::self_signed({"x.example", 1h, {}}, kNow - std::chrono::hours{48});
  TlsPair pair(loop, serve(identity), pinning(identity.certificate_sha256()));
  pair.client.write("ping");
  RUN_UNTIL(loop, pair.server.got == "ping");
}

TEST_CASE("garbage in place of TLS is refused, counted and told by an alert", "[runtime][tls]") {
  Loop loop;
  const auto context = serve(identity_for("a.example"));
  TcpPair tcp(loop);
  Peer server;
  Peer client;
  client.take(std::move(tcp.client));
  server.take(TlsStream::server(loop, context, std::move(tcp.server)));
  SECTION("not TLS") { client.write("GET / HTTP/1.1\r\n\r\n"); }
  SECTION("a broken ClientHello") {
    client.write(std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10));
  }
  SECTION("a record after nothing") { client.write(std::string("\x17\x03\x03\x00\x01\x00", 6)); }
  RUN_UNTIL(loop, server.closed && (client.ended || client.closed));
  CHECK(server.closed->code == ErrorCode::kInvalid);
  CHECK(context->counters().failed == 1);
}

TEST_CASE("random bytes at any point end a TLS stream cleanly", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("a.example");
  const auto context = serve(identity);
  SeededRng rng(11);
  for (int round = 0; round < 30; ++round) {
    TcpPair tcp(loop);
    TcpPair second(loop);
    Peer server;
    server.take(TlsStream::server(loop, context, std::move(tcp.server)));
    // A client whose bytes pass a middle, which flips one byte.
    Peer relay_out;
    relay_out.take(std::move(tcp.client));
    auto client =
        TlsStream::client(loop, pinning(identity.certificate_sha256()), std::move(second.client));
    Peer sender;
    std::size_t flip_at = rng.below(600);
    std::size_t passed = 0;
    StreamEvents events;
    events.data = [&](ByteView bytes) {
      Bytes copy = to_bytes(bytes);
      if (flip_at >= passed && flip_at < passed + copy.size()) copy[flip_at - passed] ^= 0x55U;
      passed += copy.size();
      relay_out.stream->write(copy);
    };
    events.end = [&] { relay_out.stream->finish(); };
    std::unique_ptr<ByteStream> middle = std::move(second.server);
    middle->start(std::move(events));
    sender.take(std::move(client));
    sender.write("payload");
    // The way back is closed: every handshake fails in the end, and must do no harm.
    middle->finish();
    RUN_UNTIL(loop, sender.closed.has_value());
    middle->close();
    relay_out.stream->close();
    RUN_UNTIL(loop, server.closed.has_value());
    CHECK(server.got.empty());
  }
}

TEST_CASE("the choice of a certificate can refuse, each with its alert", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("a.example");
  const auto [code, alert] = GENERATE(table<ErrorCode, int>(
      {{ErrorCode::kNotFound, 112}, {ErrorCode::kDenied, 49}, {ErrorCode::kInternal, 80}}));
  TcpPair tcp(loop);
  Peer server;
  std::string asked;
  const auto context = serve(identity);
  server.take(
      TlsStream::server(loop, context, std::move(tcp.server),
                        [&, c = code](std::string_view name) -> Result<crypto::TlsIdentity> {
                          asked = name;
                          return fail(c, "no");
                        }));
  // The test checks the raw answer: one fatal alert record.
  TcpPair spy(loop);
  Peer back;
  back.take(std::move(tcp.client));
  std::unique_ptr<ByteStream> wire = std::move(spy.server);
  StreamEvents events;
  events.data = [&](ByteView bytes) { back.stream->write(bytes); };
  wire->start(std::move(events));
  Peer client;
  client.take(TlsStream::client(loop, trusting(identity.certificates_pem(), "Other.example"),
                                std::move(spy.client)));
  RUN_UNTIL(loop, server.closed && back.got.size() >= 7);
  CHECK(asked == "other.example");
  CHECK(to_hex(view(back.got)) ==
        "15030300020"
        "2" +
            to_hex(Bytes{static_cast<std::uint8_t>(alert)}));
}

TEST_CASE("an end without close_notify is an error, not an end", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("a.example");
  TlsPair pair(loop, serve(identity), trusting(identity.certificates_pem(), "a.example"));
  pair.client.write("half a mess");
  RUN_UNTIL(loop, pair.server.got == "half a mess");
  pair.client.stream->close();
  RUN_UNTIL(loop, pair.server.closed.has_value());
  CHECK_FALSE(pair.server.ended);
  CHECK_FALSE(pair.server.closed->message.empty());
}

TEST_CASE("a TLS stream is not closed before its last bytes are sent", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("a.example");
  TcpPair tcp(loop);
  const auto hold = std::make_shared<HeldStream::Hold>();
  hold->held = false;  // during the handshake
  Peer client;
  Peer server;
  client.take(
      TlsStream::client(loop, pinning(identity.certificate_sha256()), std::move(tcp.client)));
  server.take(TlsStream::server(loop, serve(identity),
                                std::make_unique<HeldStream>(std::move(tcp.server), hold)));
  client.write("a");
  client.stream->finish();
  RUN_UNTIL(loop, server.ended && server.got == "a");
  hold->held = true;
  const std::string last(100000, 'x');
  server.write(last);
  server.stream->finish();
  RUN_UNTIL_QUIET(loop);
  CHECK_FALSE(server.closed);
  CHECK(server.stream->unsent() > last.size());
  hold->let_go();
  RUN_UNTIL(loop, client.closed && server.closed);
  CHECK(client.got == last);
  CHECK(client.ended);
  CHECK(client.closed->message.empty());
  CHECK(server.closed->message.empty());
}

TEST_CASE("bytes after close_notify are discarded", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("relay.example");
  TcpPair tcp(loop);
  const auto closing = GENERATE(false, true);  // true: the server has sent close_notify too
  // The client's TLS is over a stream that the test keeps, in order to write below TLS later.
  struct Tap final : ByteStream {
    explicit Tap(std::shared_ptr<ByteStream> to) : below(std::move(to)) {}
    void start(StreamEvents events) override { below->start(std::move(events)); }
    void write(ByteView bytes) override { below->write(bytes); }
    std::size_t unsent() const override { return below->unsent(); }
    void finish() override {}  // the connection stays open for later bytes
    void close() override {}
    void pause() override { below->pause(); }
    void resume() override { below->resume(); }
    std::shared_ptr<ByteStream> below;
  };
  const std::shared_ptr<ByteStream> raw = std::move(tcp.client);
  Peer client;
  Peer server;
  client.take(
      TlsStream::client(loop, pinning(identity.certificate_sha256()), std::make_unique<Tap>(raw)));
  auto stream = TlsStream::server(loop, serve(identity), std::move(tcp.server));
  auto* tls = stream.get();
  server.take(std::move(stream));
  client.write("last words");
  client.stream->finish();
  RUN_UNTIL(loop, server.ended);
  CHECK(server.got == "last words");
  if (closing) server.write("and ours");
  std::size_t sent = 0;
  const Bytes junk(64U << 10U, 0x17);
  REQUIRE(loop.run_until(
      [&] {
        CHECK(tls->unread() == 0);
        if (raw->unsent() < kLowWater) {
          raw->write(junk);
          sent += junk.size();
        }
        return sent > (8U << 20U) || server.closed;
      },
      kBound));
  CHECK_FALSE(server.closed);
  CHECK(server.got == "last words");
  server.stream->finish();
  RUN_UNTIL(loop, server.closed.has_value());
}

TEST_CASE("bytes after close_notify in the same piece are discarded too", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("relay.example");
  TlsPair pair(loop, serve(identity), pinning(identity.certificate_sha256()));
  RUN_UNTIL(loop, pair.server_info.has_value());
  auto* tls = static_cast<TlsStream*>(pair.server.stream.get());
  pair.server.stream->pause();
  pair.client.write("x");
  pair.client.stream->finish();
  pair.server.stream->resume();
  RUN_UNTIL(loop, pair.server.ended);
  CHECK(tls->unread() == 0);
}

TEST_CASE("a handshake that never ends is cut", "[runtime][tls]") {
  Loop loop;
  TcpPair tcp(loop);
  const auto context = serve(identity_for("relay.example"));
  Peer raw;
  Peer server;
  raw.take(std::move(tcp.client));
  server.take(TlsStream::server(loop, context, std::move(tcp.server)));
  // One ClientHello of 120,000 bytes (OpenSSL accepts up to 131,396), one record at a time.
  std::size_t left = 120'000;
  bool first = true;
  while (left > 0) {
    const auto size = std::min<std::size_t>(left, 16'000);
    Bytes record = {0x16, 0x03, 0x01};
    Writer(record).be(static_cast<std::uint16_t>(size));
    Bytes body(size, 0);
    if (first) {
      body[0] = 1;  // ClientHello, its length in three bytes
      body[1] = 0x01;
      body[2] = 0xD4;
      body[3] = 0xBC;
      body[4] = body[5] = 3;
    }
    first = false;
    append(record, body);
    raw.stream->write(record);
    left -= size;
  }
  RUN_UNTIL(loop, server.closed.has_value());
  CHECK(server.closed->code == ErrorCode::kExhausted);
  CHECK(context->counters().failed == 1);
}

TEST_CASE("a TLS stream may be destroyed inside each of its events", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("a.example");
  const std::string where = GENERATE("choose", "handshake", "data", "end", "closed");
  const bool destroy = GENERATE(true, false);
  CAPTURE(where, destroy);
  TcpPair tcp(loop);
  std::unique_ptr<TlsStream> victim;
  bool happened = false;
  const auto strike = [&] {
    happened = true;
    if (destroy) {
      victim.reset();
    } else {
      victim->close();
    }
  };
  victim = TlsStream::server(loop, serve(identity), std::move(tcp.server), [&](std::string_view) {
    if (where == "choose") strike();
    return Result<crypto::TlsIdentity>(identity);
  });
  if (where == "handshake") victim->on_handshake([&](const TlsInfo&) { strike(); });
  StreamEvents events;
  if (where == "data") events.data = [&](ByteView) { strike(); };
  if (where == "end") events.end = strike;
  if (where == "closed") events.closed = [&](const runtime::Closing&) { strike(); };
  victim->start(std::move(events));
  Peer client;
  client.take(TlsStream::client(loop, trusting(identity.certificates_pem(), "a.example"),
                                std::move(tcp.client)));
  client.write("hello");
  client.stream->finish();
  if (where == "closed") victim->finish();
  RUN_UNTIL(loop, happened && client.closed);
}

TEST_CASE("backpressure and pause reach through TLS", "[runtime][tls]") {
  Loop loop;
  const auto identity = identity_for("a.example");
  TlsPair pair(loop, serve(identity), trusting(identity.certificates_pem(), "a.example"));
  RUN_UNTIL(loop, pair.server_info && pair.client_info);
  pair.server.stream->pause();
  const Bytes chunk(64U << 10U, 5);
  std::size_t written = 0;
  while (pair.client.stream->unsent() <= kHighWater) {
    pair.client.stream->write(chunk);
    written += chunk.size();
  }
  pair.client.stream->finish();
  int turns = 0;
  RUN_UNTIL(loop, (loop.defer([] {}), ++turns > 50));
  CHECK(pair.server.got.empty());
  pair.server.stream->resume();
  RUN_UNTIL(loop, pair.server.ended);
  CHECK(pair.server.got.size() == written);
  CHECK(pair.client.drained == 1);
}

TEST_CASE("connecting a stream includes the TLS handshake", "[runtime][tls][connect]") {
  Loop loop;
  const auto identity = identity_for("127.0.0.1");
  const auto context = serve(identity);
  Peer server;
  auto listener = TcpListener::open(loop, loopback(), [&](auto stream, const Endpoint&) {
    server.take(TlsStream::server(loop, context, std::move(stream)));
    server.write("banner");
  });
  REQUIRE(listener);
  const auto at = (*listener)->local_endpoint();
  std::optional<Result<std::unique_ptr<ByteStream>>> result;
  const auto pem = GENERATE(true, false) ? identity.certificates_pem()
                                         : identity_for("127.0.0.1").certificates_pem();
  const bool good = pem == identity.certificates_pem();
  std::unique_ptr<StreamConnect> connect;
  connect = std::make_unique<StreamConnect>(loop, HostPort{"127.0.0.1", at.port},
                                            trusting(pem, "127.0.0.1"), ConnectOptions{},
                                            [&](auto given) {
                                              result = std::move(given);
                                              connect.reset();
                                            });
  RUN_UNTIL(loop, result.has_value());
  REQUIRE(result->has_value() == good);
  if (good) {
    Peer client;
    client.take(std::move(**result));
    RUN_UNTIL(loop, client.got == "banner");
  } else {
    CHECK(result->error().code == ErrorCode::kUnverified);
    RUN_UNTIL(loop, server.closed.has_value());
  }
}

TEST_CASE("contexts refuse options that cannot work", "[runtime][tls]") {
  TlsClientOptions options;
  CHECK_FALSE(TlsClientContext::make(options));  // no name to verify
  options.server_name = "a.example";
  options.authorities_pem = "not PEM";
  CHECK_FALSE(TlsClientContext::make(options));
}

#include "agent/terminator/terminator.hpp"
#include "proto/core/host_port.hpp"

#include <catch2/catch.hpp>

#include "agent/terminator/address_rules.hpp"
#include "tests/proto/runtime/stream/tls_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::terminator;
using namespace culvert::test;

namespace {

constexpr const char* kSite = "acme.example.com";
constexpr const char* kApi = "api.acme.example.com";
const IpAddress kLaptop = *parse_address("fd63:756c:7665::1");
const Endpoint kFrom{kLaptop, 40000};

// An upstream server on loopback; sends no answer by itself.
struct UpstreamServer {
  explicit UpstreamServer(Loop& loop, std::shared_ptr<TlsServerContext> tls = nullptr) {
    auto opened = TcpListener::open(loop, loopback(), [this, &loop, tls](auto tcp, auto) {
      std::unique_ptr<ByteStream> stream = std::move(tcp);
      if (tls) stream = TlsStream::server(loop, tls, std::move(stream));
      ++accepted;
      peer.take(std::move(stream));
    });
    REQUIRE(opened);
    listener = std::move(*opened);
  }
  HostPort at() const { return {"127.0.0.1", listener->local_endpoint().port}; }
  std::unique_ptr<TcpListener> listener;
  Peer peer;
  int accepted = 0;
};

Service pipe_to(const std::string& fqdn, Mode mode, const HostPort& upstream,
                std::optional<UpstreamTls> tls = std::nullopt) {
  Pipe pipe;
  pipe.upstream.at = upstream;
  pipe.upstream.tls = std::move(tls);
  Service out;
  out.fqdn = fqdn;
  out.mode = mode;
  out.protocol = std::move(pipe);
  return out;
}

struct House {
  explicit House(Loop& l)
      : loop(l),
        issuer(crypto::ServerIssuer::make(kSite, 24h, l.now().wall)),
        terminator(l, issuer, [this](const IpAddress& peer, const std::string& fqdn) {
          asked.push_back(format(peer) + " " + fqdn);
          return authorize(fqdn);
        }) {}

  Result<Admission> authorize(const std::string&) {
    if (refusal) return fail_with(*refusal);
    return Admission{[this](const FlowEnd& end) { ends.push_back(end); }, {}};
  }
  void serve_api(Mode mode, const HostPort& upstream,
                 std::optional<UpstreamTls> tls = std::nullopt) {
    const auto set = terminator.set_service(pipe_to(kApi, mode, upstream, std::move(tls)));
    REQUIRE(set);
  }
  // A raw client of the service; a test adds TLS where it needs TLS.
  std::unique_ptr<ByteStream> connect(const std::string& fqdn = kApi) {
    TcpPair pair(loop);
    terminator.accept(fqdn, std::move(pair.server), kFrom);
    return std::move(pair.client);
  }
  std::unique_ptr<ByteStream> connect_tls(const std::string& name = kApi) {
    return TlsStream::client(loop, trusting(issuer.certificate_pem(), name), connect());
  }

  Loop& loop;
  crypto::ServerIssuer issuer;
  std::vector<std::string> asked;
  std::vector<FlowEnd> ends;
  std::optional<Error> refusal;
  Terminator terminator;
};

// A client that sends nothing, without a socket.
struct Silent final : ByteStream {
  void start(StreamEvents) override {}
  void write(ByteView) override {}
  std::size_t unsent() const override { return 0; }
  void finish() override {}
  void close() override {}
  void pause() override {}
  void resume() override {}
};

}  // namespace

TEST_CASE("tls → plain: bytes both ways, counted, cleanly ended", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  House house(loop);
  house.serve_api(Mode::kTls, upstream.at());
  Peer client;
  client.take(house.connect_tls());
  client.write("GET / HTTP/1.1\r\n\r\n");
  RUN_UNTIL(loop, upstream.peer.got == "GET / HTTP/1.1\r\n\r\n");
  CHECK(house.asked == std::vector<std::string>{format(kLaptop) + " " + kApi});
  upstream.peer.write("HTTP/1.1 200 OK\r\n\r\n");
  upstream.peer.stream->finish();
  client.stream->finish();
  RUN_UNTIL(loop, client.closed && !house.ends.empty());
  CHECK(client.got == "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(client.closed->message.empty());
  CHECK(house.ends[0].reason == "finished");
  CHECK(house.ends[0].from_client == 18);
  CHECK(house.ends[0].to_client == 19);
  CHECK(house.terminator.connections() == 0);
}

TEST_CASE("tls → tls: the upstream is verified, a wrong one refused", "[terminator]") {
  Loop loop;
  const auto identity = crypto::self_signed({"db.internal", 1h, {}}, loop.now().wall);
  const auto impostor = crypto::self_signed({"db.internal", 1h, {}}, loop.now().wall);
  UpstreamServer upstream(loop, serve(identity));
  House house(loop);
  const int row = GENERATE(0, 1, 2);
  CAPTURE(row);
  UpstreamTls tls{identity.certificates_pem(), "db.internal"};
  if (row == 1) tls.authorities_pem = impostor.certificates_pem();
  if (row == 2) tls.server_name = "other.internal";
  house.serve_api(Mode::kTls, upstream.at(), tls);
  Peer client;
  client.take(house.connect_tls());
  client.write("secret");
  if (row == 0) {
    RUN_UNTIL(loop, upstream.peer.got == "secret");
    return;
  }
  RUN_UNTIL(loop, client.closed && house.ends.size() == 1);
  CHECK(upstream.peer.got.empty());
  CHECK(house.ends[0].reason.starts_with("upstream: TLS: "));
  CHECK(house.terminator.counters().upstream_failed == 1);
  CHECK_FALSE(client.closed->message.empty());
}

TEST_CASE("tcp: raw bytes with half-close, either side first", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  House house(loop);
  house.serve_api(Mode::kTcp, upstream.at());
  Peer client;
  client.take(house.connect());
  const bool client_first = GENERATE(true, false);
  RUN_UNTIL(loop, upstream.accepted == 1);
  Peer& first = client_first ? client : upstream.peer;
  Peer& second = client_first ? upstream.peer : client;
  first.write("all I have to say");
  first.stream->finish();
  RUN_UNTIL(loop, second.ended);
  CHECK(second.got == "all I have to say");
  second.write("and the answer");
  second.stream->finish();
  RUN_UNTIL(loop, first.closed && second.closed && house.ends.size() == 1);
  CHECK(first.got == "and the answer");
  CHECK(house.ends[0].reason == "finished");
}

TEST_CASE("whoever is refused cannot tell why, and no upstream is reached", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  House house(loop);
  const auto code = GENERATE(ErrorCode::kDenied, ErrorCode::kNotFound, ErrorCode::kStale,
                             ErrorCode::kUnavailable);
  house.refusal = Error{code, "some reason"};
  SECTION("tls: access_denied, in the clear, before any certificate") {
    house.serve_api(Mode::kTls, upstream.at());
    TcpPair wire(loop);  // client ⇄ wire ⇄ back: the test sees the bytes
    Peer back;
    back.take(house.connect());
    std::unique_ptr<ByteStream> middle = std::move(wire.server);
    StreamEvents events;
    events.data = [&](ByteView bytes) { back.stream->write(bytes); };
    middle->start(std::move(events));
    Peer client;
    client.take(TlsStream::client(loop, trusting(house.issuer.certificate_pem(), kApi),
                                  std::move(wire.client)));
    RUN_UNTIL(loop, back.got.size() >= 7 && back.ended);
    CHECK(to_hex(view(back.got)) == "15030300020231");
  }
  SECTION("tcp: a bare close") {
    house.serve_api(Mode::kTcp, upstream.at());
    Peer client;
    client.take(house.connect());
    RUN_UNTIL(loop, client.ended);
    CHECK(client.got.empty());
  }
  CHECK(upstream.accepted == 0);
  CHECK(house.ends.empty());  // the connection never opened
  CHECK(house.terminator.counters().denied == 1);
  CHECK(house.terminator.connections() == 0);
}

TEST_CASE("a foreign server name is unrecognized and asks nobody", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  House house(loop);
  house.serve_api(Mode::kTls, upstream.at());
  Peer client;
  client.take(house.connect_tls("db.acme.example.com"));
  RUN_UNTIL(loop, client.closed && house.terminator.connections() == 0);
  CHECK(client.closed->message == "TLS: tlsv1 unrecognized name");
  CHECK(house.asked.empty());
  CHECK(house.terminator.counters().foreign_name == 1);
}

TEST_CASE("a client without a server name gets the service of its address", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  House house(loop);
  house.serve_api(Mode::kTls, upstream.at());
  TlsClientOptions options;
  options.verify = TlsVerify::kNone;
  Peer client;
  client.take(TlsStream::client(loop, *TlsClientContext::make(options), house.connect()));
  client.write("no SNI");
  RUN_UNTIL(loop, upstream.peer.got == "no SNI");
}

TEST_CASE("garbage on a tls service asks nobody and harms nothing", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  House house(loop);
  house.serve_api(Mode::kTls, upstream.at());
  Peer client;
  client.take(house.connect());
  client.write("SSH-2.0-scan\r\n");
  RUN_UNTIL(loop, house.terminator.connections() == 0 && (client.ended || client.closed));
  CHECK(house.asked.empty());
  CHECK(house.terminator.counters().handshake_failed == 1);
}

TEST_CASE("a dead upstream ends the flow and is said", "[terminator]") {
  Loop loop;
  House house(loop);
  HostPort dead;
  {
    const UpstreamServer gone(loop);
    dead = gone.at();
  }
  house.serve_api(GENERATE(Mode::kTls, Mode::kTcp), dead);
  Peer client;
  const bool tls = GENERATE(true, false);
  client.take(tls ? house.connect_tls() : house.connect());
  client.write("?");
  RUN_UNTIL(loop, (client.closed || client.ended) && house.terminator.connections() == 0);
  for (const auto& end : house.ends) {
    CHECK(end.reason == "upstream: connect to " + format(dead) + ": connection refused");
  }
}

TEST_CASE("a cut ends running flows at once, on both sides, and only those meant", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  UpstreamServer other_upstream(loop);
  House house(loop);
  const auto mode = GENERATE(Mode::kTls, Mode::kTcp);
  house.serve_api(mode, upstream.at());
  REQUIRE(house.terminator.set_service(
      pipe_to("db.acme.example.com", Mode::kTcp, other_upstream.at())));
  Peer client;
  Peer other;
  client.take(mode == Mode::kTls ? house.connect_tls() : house.connect());
  other.take(house.connect("db.acme.example.com"));
  other.write("stays");
  // The cut comes in the middle of a transfer that the client does not read.
  client.write("more");
  RUN_UNTIL(loop, upstream.peer.got == "more" && other_upstream.peer.got == "stays");
  client.stream->pause();
  const Bytes chunk(256U << 10U, 1);
  for (int i = 0; i < 8; ++i) upstream.peer.stream->write(chunk);
  int turns = 0;
  RUN_UNTIL(loop, (loop.defer([] {}), ++turns > 20));
  const auto cut = house.terminator.cut_if(
      [](const IpAddress& peer, const std::string& fqdn) {
        return peer == kLaptop && fqdn == kApi;
      },
      "revoked");
  CHECK(cut == 1);
  REQUIRE(house.ends.size() == 1);  // the end is reported before cut_if returns
  CHECK(house.ends[0].reason == "revoked");
  CHECK(house.ends[0].from_client == 4);
  CHECK(house.ends[0].to_client > 0);
  CHECK(house.terminator.connections() == 1);
  client.stream->resume();
  RUN_UNTIL(loop, (client.closed || client.ended) && (upstream.peer.closed || upstream.peer.ended));
  other_upstream.peer.write("still here");
  RUN_UNTIL(loop, other.got == "still here");
  house.terminator.remove_service("db.acme.example.com", "unpublished");
  REQUIRE(house.ends.size() == 2);
  CHECK(house.ends[1].reason == "unpublished");
  RUN_UNTIL(loop, other.ended || other.closed);
  Peer late;
  late.take(house.connect("db.acme.example.com"));
  RUN_UNTIL(loop, late.ended || late.closed);
}

TEST_CASE("terminator attack: connections that nobody ends keep no peer out", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  House house(loop);
  house.serve_api(Mode::kTls, upstream.at());
  std::vector<std::unique_ptr<Peer>> clients;
  for (std::size_t i = 0; i < kMaxConnectionsOfPeer; ++i) {
    clients.push_back(std::make_unique<Peer>());
    clients.back()->take(house.connect());
  }
  TcpPair pair(loop);
  const Endpoint other{*parse_address("fd63::2"), 1};
  house.terminator.accept(kApi, std::move(pair.server), other);
  Peer theirs;
  theirs.take(std::move(pair.client));
  CHECK(house.terminator.connections() == kMaxConnectionsOfPeer + 1);
  // Each new connection of a peer replaces the peer's own oldest connection, and no other peer's.
  Peer late;
  late.take(house.connect_tls());
  late.write("hello");
  RUN_UNTIL(loop, upstream.peer.got == "hello");
  RUN_UNTIL(loop, clients[0]->ended || clients[0]->closed);
  CHECK(house.terminator.counters().replaced == 1);
  CHECK(house.terminator.connections() == kMaxConnectionsOfPeer + 1);
  for (std::size_t i = 1; i < clients.size(); ++i) {
    CHECK_FALSE((clients[i]->ended || clients[i]->closed));
  }
  CHECK_FALSE((theirs.ended || theirs.closed));
  house.terminator.cut_if([](auto&&...) { return true; }, "shutdown");
  CHECK(house.terminator.connections() == 0);
}

TEST_CASE("terminator attack: peers that fill all room do not keep another out", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  House house(loop);
  house.serve_api(Mode::kTls, upstream.at());
  const auto connect = [&](std::uint8_t who) {
    IpAddress from = kLaptop;
    from.bytes[15] = who;
    house.terminator.accept(kApi, std::make_unique<Silent>(), {from, 1});
  };
  for (std::uint8_t who = 10; house.terminator.connections() < kMaxConnections; ++who) {
    for (std::size_t i = 0; i < kMaxConnectionsOfPeer / 2; ++i) connect(who);
  }
  connect(99);
  CHECK(house.terminator.connections() == kMaxConnections);
  CHECK(house.terminator.cut_if(
            [](const IpAddress& peer, const std::string&) { return peer.bytes[15] == 99; },
            "test") == 1);
}

TEST_CASE("destroying the terminator closes its flows and calls nobody", "[terminator]") {
  Loop loop;
  UpstreamServer upstream(loop);
  std::optional<House> house(std::in_place, loop);
  house->serve_api(Mode::kTcp, upstream.at());
  Peer client;
  client.take(house->connect());
  client.write("x");
  RUN_UNTIL(loop, upstream.peer.got == "x");
  house.reset();
  RUN_UNTIL(loop, client.ended && upstream.peer.ended);
}

TEST_CASE("a bad CA bundle is refused when the service is set", "[terminator]") {
  Loop loop;
  House house(loop);
  const Service service = pipe_to(kApi, Mode::kTls, {"db", 1}, UpstreamTls{"no PEM", ""});
  CHECK_FALSE(check_authorities(service));
  const auto set = house.terminator.set_service(service);
  REQUIRE_FALSE(set);
  CHECK(set.error().message == std::string(kApi) + ": TLS: no certificate in the CA bundle");
}

TEST_CASE("names do not lead where only literal configuration may", "[terminator]") {
  const auto [host, address, allowed] = GENERATE(table<const char*, const char*, bool>({
      {"db.internal", "10.0.0.7", true},
      {"db.internal", "fd12::7", true},
      {"db.internal", "8.8.8.8", true},
      {"db.internal", "127.0.0.1", false},
      {"db.internal", "127.8.9.1", false},
      {"db.internal", "::1", false},
      {"db.internal", "169.254.169.254", false},
      {"db.internal", "fe80::1", false},
      {"db.internal", "fd00:ec2::254", false},
      {"db.internal", "0.0.0.0", false},
      {"db.internal", "0.1.2.3", false},
      {"db.internal", "::", false},
      {"db.internal", "224.0.0.1", false},
      {"db.internal", "255.255.255.255", false},
      {"db.internal", "ff02::1", false},
      {"db.internal", "::ffff:169.254.169.254", false},
      {"db.internal", "64:ff9b::a9fe:a9fe", false},
      {"db.internal", "64:ff9b::808:808", true},
      {"db.internal", "::7f00:1", false},
      {"localhost", "127.0.0.1", true},
      {"localhost", "::1", true},
      {"localhost", "10.0.0.7", false},
      {"127.0.0.1", "127.0.0.1", true},
      {"169.254.169.254", "169.254.169.254", true},
      {"169.254.169.254", "127.0.0.1", false},
      {"fd00:ec2::254", "fd00:ec2::254", true},
  }));
  CAPTURE(host, address);
  CHECK(may_connect(host, *parse_address(address)) == allowed);
}

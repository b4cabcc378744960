// The relay with real sockets: TLS, HTTP upgrade, WebSocket, STUN, and the program itself.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>

#include "proto/path/stun.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "proto/runtime/stream/tcp.hpp"
#include "relay/shell/stun_server.hpp"
#include "tests/relay/shell_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::relay;

namespace {

const std::string kProgram = CULVERT_BIN_DIR "/culvert-relay";

struct Two : ShellBench {
  explicit Two(bool plain = false, Entry first = Entry::kUpgrade, Entry second = Entry::kUpgrade)
      : ShellBench(plain) {
    a = connect(ka, ticket(ka.public_key, {kb.public_key}), first);
    b = connect(kb, ticket(kb.public_key, {ka.public_key}), second);
    until([&] { return (a->ready() || a->closed) && (b->ready() || b->closed); });
    REQUIRE(a->ready());
    REQUIRE(b->ready());
  }
  derp::RelayKeyPair ka = derp::RelayKeyPair::generate(rng);
  derp::RelayKeyPair kb = derp::RelayKeyPair::generate(rng);
  std::unique_ptr<SocketClient> a, b;
};

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("relay shell: two clients over TLS, WebSocket and plain HTTP") {
  const bool plain = GENERATE(false, true);
  const auto second = GENERATE(Entry::kUpgrade, Entry::kWebSocket);
  Two t(plain, Entry::kUpgrade, second);
  CHECK(t.a->upgrade.headers.one("Derp-Version") == "2");
  CHECK(t.a->upgrade.headers.one("Derp-Public-Key") == t.relay->core().public_key().hex());
  t.a->send(t.kb.public_key, view("there"));
  const Bytes large(derp::kMaxPacketSize, 'x');
  t.b->send(t.ka.public_key, large);
  t.until([&] { return !t.a->received().empty() && !t.b->received().empty(); });
  CHECK(t.b->received() == std::vector<std::string>{"there"});
  CHECK(t.a->received().at(0).size() == large.size());
  t.b.reset();
  t.until([&] { return !t.a->events<derp::PeerGone>().empty(); });
}

TEST_CASE("relay shell: a certificate other than the pinned one is refused by the client") {
  ShellBench bench;
  const auto key = derp::RelayKeyPair::generate(bench.rng);
  bench.certificate.bytes[0] ^= 1U;
  const auto client = bench.connect(key, bench.ticket(key.public_key, {}));
  bench.until([&] { return client->closed; });
  CHECK(client->failed.code == ErrorCode::kUnverified);
}

TEST_CASE("relay shell: tickets that do not hold") {
  ShellBench bench;
  const auto key = derp::RelayKeyPair::generate(bench.rng);
  const auto good = bench.ticket(key.public_key, {});
  std::vector<std::string> bad = {"", "culvert/ticket/v1\n"};
  bad.push_back(bench.ticket(derp::RelayKeyPair::generate(bench.rng).public_key, {}));
  const auto issuer = std::exchange(bench.ticket_key, crypto::SigningKey::generate(bench.rng));
  bad.push_back(bench.ticket(key.public_key, {}));  // signed by another issuer
  auto forged = good;
  forged[forged.find("rate: 0") + 6] = '9';
  bad.push_back(forged);
  for (const auto& ticket : bad) {
    INFO(ticket);
    const auto client = bench.connect(key, ticket);
    bench.until([&] { return client->closed; });
    CHECK_FALSE(client->ready());
    CHECK(client->events<derp::HealthEvent>().size() == 1);
  }
  CHECK(bench.relay->core().counters().logins_refused == bad.size());
  const auto client = bench.connect(key, good);
  bench.until([&] { return client->ready() || client->closed; });
  CHECK(client->ready());
}

TEST_CASE("relay shell: logins end when their issuer is no longer accepted") {
  Two t;
  t.relay->set_ticket_keys({});
  CHECK_FALSE(t.relay->admits());
  t.until([&] { return t.a->closed && t.b->closed; });
  CHECK(t.a->events<derp::HealthEvent>().size() == 1);
}

TEST_CASE("relay shell: a reader that stops reading costs a bounded queue and nobody else") {
  Two t;
  t.b->stream().pause();
  const Bytes packet(60'000, 'x');
  t.until([&] {
    if (t.a->stream().unsent() < 1'000'000) t.a->send(t.kb.public_key, packet);
    return t.relay->core().counters().dropped_queue > 0;
  });
  const auto kc = derp::RelayKeyPair::generate(t.rng);
  const auto c = t.connect(kc, t.ticket(kc.public_key, {}));
  t.until([&] { return c->ready(); });
  t.b->stream().resume();
  t.until([&] { return t.b->received().size() >= 4; });
}

TEST_CASE("relay shell: draining tells clients, ends when they have left") {
  Two t;
  bool done = false;
  t.relay->drain([&] { done = true; });
  t.until([&] {
    return !t.a->events<derp::Restarting>().empty() && !t.b->events<derp::Restarting>().empty();
  });
  t.a.reset();
  t.b.reset();
  t.until([&] { return done; });
}

TEST_CASE("relay shell: the HTTP door") {
  ShellBench bench;
  const auto at = bench.relay->listen_endpoint();
  const auto numbers = *bench.relay->metrics_endpoint();
  const auto captive =
      bench.get(at, true, "/generate_204", {{"X-Tailscale-Challenge", "ts_abc-1.x"}});
  REQUIRE(captive);
  CHECK(captive->head.status == 204);
  CHECK(captive->head.headers.one("X-Tailscale-Response") == "response ts_abc-1.x");
  const auto odd = bench.get(at, true, "/generate_204", {{"X-Tailscale-Challenge", "a b"}});
  REQUIRE(odd);
  CHECK(odd->head.headers.count("X-Tailscale-Response") == 0);

  const std::pair<const char*, int> pages[] = {
      {"/", 200},     {"/healthz", 200},  {"/readyz", 200},  {"/derp/probe", 200},
      {"/derp", 426}, {"/derp?x=1", 426}, {"/metrics", 404}, {"/../etc/passwd", 404}};
  for (const auto& [page, status] : pages) {
    INFO(page);
    const auto answer = bench.get(at, true, page);
    REQUIRE(answer);
    CHECK(answer->head.status == status);
  }
  const auto metrics = bench.get(numbers, false, "/metrics");
  REQUIRE(metrics);
  CHECK(text(metrics->body).find("culvert_relay_clients 0") != std::string::npos);
  CHECK(text(metrics->body).find("culvert_relay_packets_dropped_total{reason=\"queue\"} 0") !=
        std::string::npos);
  // A WebSocket without the subprotocol, and garbage instead of TLS, are refused; the relay goes
  // on.
  const auto socket = bench.get(at, true, "/derp",
                                {{"Connection", "Upgrade"},
                                 {"Upgrade", "websocket"},
                                 {"Sec-WebSocket-Version", "13"},
                                 {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}});
  REQUIRE(socket);
  CHECK(socket->head.status == 400);
  CHECK_FALSE(bench.get(at, false, "/healthz"));
  CHECK(bench.get(at, true, "/healthz"));
  bench.relay->set_ticket_keys({});
  CHECK(bench.get(at, true, "/readyz")->head.status == 503);
}

TEST_CASE("relay shell: idle strangers close no door and push out no client") {
  Two t;
  std::vector<std::unique_ptr<runtime::TcpConnect>> connecting;
  std::vector<std::unique_ptr<runtime::TcpStream>> idle;
  const auto besiege = [&](const Endpoint& door, std::size_t count) {
    const auto before = idle.size();
    for (std::size_t i = 0; i < count; ++i) {
      connecting.push_back(std::make_unique<runtime::TcpConnect>(
          t.loop, door, runtime::ConnectOptions{}, [&](auto stream) {
            REQUIRE(stream);
            idle.push_back(std::move(*stream));
          }));
    }
    t.until([&] { return idle.size() == before + count; });
  };
  const auto numbers = *t.relay->metrics_endpoint();
  besiege(t.relay->listen_endpoint(), 300);  // one source: its share is 256
  besiege(numbers, 80);                      // the share is 64 places
  for (const auto* page : {"/healthz", "/readyz"}) {
    CHECK(t.get(t.relay->listen_endpoint(), true, page)->head.status == 200);
    CHECK(t.get(numbers, false, page)->head.status == 200);
  }
  const auto metrics = t.get(numbers, false, "/metrics");
  REQUIRE(metrics);
  const std::string shown(text(metrics->body));
  CHECK(std::regex_search(shown, std::regex("culvert_relay_strangers (25[0-6]|2[0-4].)\n")));
  CHECK(std::regex_search(shown, std::regex("strangers_replaced_total [1-9]")));
  CHECK(shown.find("culvert_relay_log_lines_dropped_total 0\n") != std::string::npos);
  const auto kc = derp::RelayKeyPair::generate(t.rng);
  const auto c = t.connect(kc, t.ticket(kc.public_key, {}));
  t.until([&] { return c->ready(); });
  t.a->send(t.kb.public_key, view("still here"));
  t.until([&] { return !t.b->received().empty(); });
  CHECK(t.relay->core().client_count() == 3);
}

TEST_CASE("relay shell: STUN tells clients their address") {
  ShellBench bench;
  std::optional<path::StunResponse> answer;
  auto socket = runtime::UdpSocket::open(
      bench.loop, *parse_endpoint("127.0.0.1:0"), [&](std::span<Datagram> datagrams) {
        if (auto got = path::parse_stun_response(datagrams[0].bytes)) answer = *got;
      });
  REQUIRE(socket);
  const auto transaction = path::new_stun_transaction(bench.rng);
  auto garbage = to_bytes("not STUN at all, but as long as a header");
  auto request = path::stun_request(transaction);
  const UdpWay to{*bench.relay->stun_endpoint(), {}};
  const std::vector<Datagram> batch = {{to, garbage}, {to, request}};
  (*socket)->send(batch);
  bench.until([&] { return answer.has_value(); });
  CHECK(answer->transaction == transaction);
  CHECK(answer->mapped == (*socket)->local_endpoint());
}

TEST_CASE("relay stun: answers are limited per source, in simulated time") {
  SeededRng rng(1);
  StunServer server(rng);
  const auto request = path::stun_request(path::new_stun_transaction(rng));
  const Endpoint one{IpAddress::v4(192, 0, 2, 1), 1000};
  const Endpoint same{IpAddress::v4(192, 0, 2, 1), 2000};
  const Endpoint other{IpAddress::v4(192, 0, 2, 2), 1000};
  const Instant now{5'000'000'000};
  for (std::uint32_t i = 0; i < kStunPerSecond; ++i) {
    CHECK(server.handle(now, request, i % 2 == 0 ? one : same));
  }
  CHECK_FALSE(server.handle(now, request, one));
  CHECK(server.handle(now, request, other));
  CHECK(server.handle(now + 1s, request, one));
  CHECK_FALSE(server.handle(now + 1s, view("x"), one));
  CHECK(server.counters().answered == kStunPerSecond + 2);
  CHECK(server.counters().limited == 1);
  CHECK(server.counters().malformed == 1);
}

TEST_CASE("relay program: starts without configuration, describes itself, answers curl, drains") {
  const auto folder = make_folder();
  write(folder + "/relay.json",
        "{ // ports of the system's choice\n \"listen\": \"127.0.0.1:0\", \"stun\": \"\" }");
  const auto common = " --config " + folder + "/relay.json --state " + folder + "/state";
  const auto first = run_program(kProgram + " describe --host r.example" + common);
  CHECK(first.code == 0);
  CHECK(std::regex_match(
      first.output,
      std::regex(R"re(\{"id":"relay","host":"r\.example","port":0,"stun_port":0,)re"
                 R"re("key":"x25519:[0-9a-f]{64}","certificate":"sha256:[0-9a-f]{64}"\}\n)re")));
  CHECK(run_program(kProgram + " describe --host r.example" + common).output == first.output);
  CHECK(std::regex_match(
      run_program(kProgram + " describe --policy-line --host r.example" + common).output,
      std::regex(R"re(relay: r\.example 0 x25519:[0-9a-f]{64} sha256:[0-9a-f]{64}\n)re")));
  namespace fs = std::filesystem;
  for (const auto* file : {"/state/relay.key", "/state/tls.pem"}) {
    CHECK((fs::status(folder + file).permissions() & fs::perms::mask) ==
          (fs::perms::owner_read | fs::perms::owner_write));
  }

  Background relay({kProgram, "--config", folder + "/relay.json", "--state", folder + "/state"});
  const auto log = relay.wait_for("admitting nobody");
  std::smatch match;
  REQUIRE(std::regex_search(log, match, std::regex(R"(listen="?127\.0\.0\.1:(\d+))")));
  const auto address = "127.0.0.1:" + match[1].str();
  const auto curl =
      run_program("curl -ksi --max-time 10 -H 'X-Tailscale-Challenge: hello' https://" + address +
                  "/generate_204");
  CHECK(curl.code == 0);
  CHECK(curl.output.find("204") != std::string::npos);
  CHECK(curl.output.find("X-Tailscale-Response: response hello") != std::string::npos);
  CHECK(run_program("curl -ks --max-time 10 https://" + address + "/healthz").output == "ok\n");

  write(folder + "/second.json", "{\"listen\": \"" + address + "\", \"stun\": \"\"}");
  const auto second =
      run_program(kProgram + " --config " + folder + "/second.json --state " + folder + "/state");
  CHECK(second.code == 1);
  CHECK(second.output.find(address) != std::string::npos);
  CHECK(std::count(second.output.begin(), second.output.end(), '\n') == 1);
  CHECK(relay.stop() == 0);
  fs::remove_all(folder);
}

TEST_CASE("relay program: bad input is one line and the right exit code") {
  const auto folder = make_folder();
  const auto config = folder + "/relay.json";
  struct Row {
    const char* config;
    const char* arguments;
    int code;
    const char* says;
  };
  const Row table[] = {
      {R"({"lisen": "[::]:1"})", "", 2, "lisen"},
      {R"({"listen": "7444"})", "", 2, "listen"},
      {R"({"ticket_keys": ["ed25519:abc"]})", "", 2, "ticket_keys"},
      {R"({"tls": {"cert": "x.pem"}})", "", 2, "tls.key"},
      {R"({"plain": true, "tls": {"cert": "x.pem", "key": "x.pem"}})", "", 2, "plain"},
      {R"({"id": "Frankfurt 1"})", "", 2, "id"},
      {R"({"host": "a\"b"})", "", 2, "host"},
      {R"({)", "", 2, "relay.json"},
      {R"({})", " --state /proc/culvert", 1, "/proc/culvert"},
      {R"({"tls": {"cert": "/nowhere.pem", "key": "/nowhere.pem"}})", "", 1, "/nowhere.pem"},
  };
  for (const auto& row : table) {
    write(config, row.config);
    const auto state = *row.arguments == '\0' ? " --state " + folder + "/state" : row.arguments;
    const auto ran = run_program(kProgram + " --config " + config + state);
    INFO(row.config << ": " << ran.output);
    CHECK(ran.code == row.code);
    CHECK(ran.output.find(row.says) != std::string::npos);
    CHECK(std::count(ran.output.begin(), ran.output.end(), '\n') == 1);
  }
  write(folder + "/state/relay.key", "nonsense\n");
  write(config, "{}");
  const auto ran =
      run_program(kProgram + " describe --config " + config + " --state " + folder + "/state");
  CHECK(ran.code == 1);
  CHECK(ran.output.find("relay.key") != std::string::npos);
  CHECK(run_program(kProgram + " --no-such-flag").code == 2);
  CHECK(run_program(kProgram + " --help").code == 0);
  std::filesystem::remove_all(folder);
}

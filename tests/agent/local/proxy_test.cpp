// The proxy and forwards over real sockets, with curl as the client.
#include "agent/local/proxy.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "agent/local/forward.hpp"
#include "agent/local/owner.hpp"
#include "tests/agent/local/local_support.hpp"

using namespace culvert;
using namespace culvert::local;

namespace {

const Endpoint kAnyPort = *parse_endpoint("127.0.0.1:0");

std::unique_ptr<Proxy> open_proxy(World& world, OwnerCheck owner = World::everybody()) {
  auto proxy = Proxy::open(world.loop, kAnyPort, world.dialer(), std::move(owner));
  REQUIRE(proxy);
  return std::move(*proxy);
}

std::vector<std::string> curl(const std::string& kind, const Proxy& proxy, const std::string& url) {
  return {"curl", "-sS", "--max-time", "20", kind, format(proxy.local_endpoint()), url};
}

// A whole exchange: what came back until the proxy closed.
std::string exchange(World& world, const Endpoint& to, const std::string& request) {
  Client client(world.loop, to, request);
  REQUIRE(world.until([&] { return client.closed; }));
  return client.received;
}

std::string socks_request(std::string_view name, std::uint16_t port) {
  Bytes out = {5, 1, 0, 5, 1, 0, 3, static_cast<std::uint8_t>(name.size())};
  append(out, view(name));
  Writer(out).be(port);
  return std::string(text(out));
}

}  // namespace

TEST_CASE("proxy: curl reaches a granted service by SOCKS5 and by CONNECT") {
  World world;
  const auto proxy = open_proxy(world);
  for (const std::string kind : {"--socks5-hostname", "-px"}) {
    const auto got = world.run(curl(kind, *proxy, "http://api.acme.example:8080/"));
    CHECK(got.status == 0);
    CHECK(got.text == "from the api");
  }
  CHECK(world.dialed == std::vector<std::string>(2, "api.acme.example:8080"));
  CHECK(proxy->counters().opened == 2);
}

TEST_CASE("proxy: what is refused looks the same, whatever the reason") {
  World world;
  const auto proxy = open_proxy(world);
  const std::vector<std::string> targets = {"ungranted.acme.example", "nosuch.example", "10.0.0.1",
                                            "localhost"};
  for (const auto& target : targets) {
    const auto got = world.run(curl("--socks5-hostname", *proxy, "http://" + target + "/"));
    CHECK(got.status == 97);  // CURLE_PROXY
    CHECK(got.text.find("(4)") != std::string::npos);
  }
  std::string first;
  for (const auto& target : targets) {
    const auto answer = exchange(world, proxy->local_endpoint(),
                                 "CONNECT " + target + ":443 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 502 "));
    if (first.empty()) first = answer;
    CHECK(answer == first);
  }
  CHECK(proxy->counters().refused == 2 * targets.size());
  CHECK(world.service_connections == 0);
}

TEST_CASE("proxy: the names that were refused are remembered, the oldest forgotten") {
  World world;
  const auto proxy = open_proxy(world);
  const auto ask = [&](const std::string& host) {
    exchange(world, proxy->local_endpoint(), "CONNECT " + host + ":443 HTTP/1.1\r\n\r\n");
  };
  ask("one.acme.example");
  const auto before = proxy->refusals(0);
  CHECK(before.last == 1);
  CHECK(before.names == std::vector<std::string>{"one.acme.example"});
  ask("two.acme.example");
  CHECK(proxy->refusals(before.last).names == std::vector<std::string>{"two.acme.example"});
  CHECK(proxy->refusals(2).names.empty());
  CHECK(proxy->refusals(99).names.empty());
  for (std::size_t i = 0; i < kMaxRefusals; ++i) ask("more.acme.example");
  CHECK(proxy->refusals(0).names == std::vector<std::string>(kMaxRefusals, "more.acme.example"));
}

TEST_CASE("proxy: malformed requests get their protocol's error, and no dial") {
  World world;
  const auto proxy = open_proxy(world);
  struct Case {
    std::string request;
    std::string answer_begins;
  };
  using namespace std::string_literals;
  const std::vector<Case> cases = {
      {"\x05\x01\x02"s, "\x05\xFF"s},  // password only
      {"\x05\x00"s, ""},
      {"\x05\x01\x00\x05\x02\x00\x03\x01\x61\x01\xBB"s, "\x05\x00\x05\x07"s},  // BIND
      {"\x05\x01\x00\x05\x01\x00\x09\x01\x61\x01\xBB"s, "\x05\x00\x05\x08"s},
      {"\x05\x01\x00\x05\x01\x00\x03\x01 \x01\xBB"s, "\x05\x00\x05\x04"s},
      {"\x05\x01\x00\x04\x01\x00\x03\x01\x61\x01\xBB"s, "\x05\x00\x05\x01"s},
      {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 "},
      {"GET http://api.acme.example/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 "},
      {"CONNECT api.acme.example HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
      {"CONNECT a:1 HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 "},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\r\n\r\n"s, "HTTP/1.1 400 "},
      {std::string(20000, 'A'), "HTTP/1.1 400 "},
      {"POST /v1/lock HTTP/1.1\r\nOrigin: https://evil.example\r\n\r\n", "HTTP/1.1 403 "},
      {"CONNECT api.acme.example:1 HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n\r\n",
       "HTTP/1.1 403 "}};
  for (const auto& c : cases) {
    const auto answer = exchange(world, proxy->local_endpoint(), c.request);
    INFO(to_hex(view(c.request)) << " → " << answer);
    CHECK(answer.starts_with(c.answer_begins));
    if (c.answer_begins.empty()) CHECK(answer.empty());
  }
  CHECK(world.dialed.empty());
  const auto counters = proxy->counters();
  CHECK(counters.malformed + counters.foreign + counters.refused == cases.size());
  CHECK(world.run(curl("-px", *proxy, "http://api.acme.example/")).text == "from the api");
}

TEST_CASE("proxy: bytes sent together with the request reach the service") {
  World world;
  const auto proxy = open_proxy(world);
  Client http(world.loop, proxy->local_endpoint(),
              "CONNECT echo.acme.example:7 HTTP/1.1\r\nHost: x\r\n\r\nearly");
  REQUIRE(world.until([&] { return http.received.ends_with("early"); }));
  CHECK(http.received == "HTTP/1.1 200 Connection established\r\n\r\nearly");
  Client socks(world.loop, proxy->local_endpoint(),
               socks_request("echo.acme.example", 7) + "early");
  REQUIRE(world.until([&] { return socks.received.ends_with("early"); }));
  CHECK(socks.received.size() == 2 + 10 + 5);
}

TEST_CASE("proxy: its end ends its tunnels") {
  World world;
  auto proxy = open_proxy(world);
  Client client(world.loop, proxy->local_endpoint(), socks_request("echo.acme.example", 7) + "x");
  REQUIRE(world.until([&] { return client.received.ends_with("x"); }));
  CHECK(proxy->counters().clients == 1);
  proxy.reset();
  CHECK(world.until([&] { return client.closed; }));
}

TEST_CASE("proxy: more clients than it serves are closed at once") {
  World world;
  const auto proxy = open_proxy(world);
  std::vector<std::unique_ptr<Client>> waiting;
  for (std::size_t i = 0; i < kMaxProxyClients; ++i) {
    waiting.push_back(std::make_unique<Client>(world.loop, proxy->local_endpoint(), "\x05"));
  }
  REQUIRE(world.until([&] { return proxy->counters().clients == kMaxProxyClients; }));
  CHECK(exchange(world, proxy->local_endpoint(), "\x05").empty());
  CHECK(proxy->counters().full == 1);
}

TEST_CASE("proxy: listens on loopback only") {
  World world;
  const auto proxy =
      Proxy::open(world.loop, *parse_endpoint("0.0.0.0:0"), world.dialer(), World::everybody());
  REQUIRE_FALSE(proxy);
  CHECK(proxy.error().code == ErrorCode::kInvalid);
}

TEST_CASE("proxy: serves its owner and nobody else") {
  World world;
  const auto proxy = open_proxy(world, &owned_by_us);
  const auto mine = curl("--socks5-hostname", *proxy, "http://api.acme.example/");
  CHECK(world.run(mine).text == "from the api");
  if (::geteuid() != 0) {
    WARN("not root: cannot run a client as another user");
    return;
  }
  std::vector<std::string> theirs = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  theirs.insert(theirs.end(), mine.begin(), mine.end());
  const auto got = world.run(theirs);
  CHECK(got.status != 0);
  CHECK(got.text.find("from the api") == std::string::npos);
  CHECK(proxy->counters().foreign == 1);
  CHECK(world.dialed.size() == 1);
}

TEST_CASE("forward: a local port leads to the service") {
  World world;
  auto forward = Forward::open(world.loop, *ForwardSpec::parse("0:api.acme.example"),
                               world.dialer(), &owned_by_us);
  REQUIRE(forward);
  const auto at = format((*forward)->local_endpoint());
  const auto got = world.run({"curl", "-sS", "--max-time", "20", "http://" + at + "/"});
  CHECK(got.text == "from the api");
  CHECK(world.dialed == std::vector<std::string>{"api.acme.example:0"});
  REQUIRE(world.until([&] { return (*forward)->clients() == 0; }));
}

TEST_CASE("forward: a refused service closes the connection") {
  World world;
  auto forward = Forward::open(world.loop, *ForwardSpec::parse("0:nosuch.example"), world.dialer(),
                               World::everybody());
  REQUIRE(forward);
  CHECK(exchange(world, (*forward)->local_endpoint(), "hello").empty());
  CHECK((*forward)->clients() == 0);
}

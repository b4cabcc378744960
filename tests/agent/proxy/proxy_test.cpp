// The proxy and forwards over real sockets, with curl as the client.
#include "agent/proxy/proxy.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "agent/proxy/forward.hpp"
#include "agent/proxy/owners.hpp"
#include "tests/agent/proxy/local_support.hpp"

using namespace culvert;
using namespace culvert::proxy;

namespace {

const Endpoint kAnyPort = *parse_endpoint("127.0.0.1:0");

std::unique_ptr<Proxy> open_proxy(World& world, const DoorContext& doors) {
  auto proxy = Proxy::open(world.loop, kAnyPort, world.dialer(), doors);
  REQUIRE(proxy);
  return std::move(*proxy);
}
std::unique_ptr<Proxy> open_proxy(World& world) { return open_proxy(world, world.everybody()); }

std::unique_ptr<Forward> open_forward(World& world, const DoorContext& doors,
                                      const std::string& host = "echo.acme.example",
                                      const std::string& protocol = "tcp") {
  auto forward =
      Forward::open(world.loop, *ForwardSpec::parse("0:" + host), protocol, world.dialer(), doors);
  REQUIRE(forward);
  return std::move(*forward);
}

std::unique_ptr<Owners> ours(World& world, const OwnerSources& sources = {}) {
  auto owners = Owners::start(world.loop, ::geteuid(), sources);
  REQUIRE(owners);
  return std::move(*owners);
}

std::vector<std::string> curl(const std::string& kind, const Proxy& proxy, const std::string& url) {
  return {"curl", "-sS", "--max-time", "20", kind, format(proxy.local_endpoint()), url};
}

// Sends `request` and returns the bytes received until the proxy closed the connection.
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
      {"GET https://api.acme.example/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 "},
      {"GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
      {"GET http://api.acme.example/ HTTP/1.1\r\nOrigin: null\r\n\r\n", "HTTP/1.1 403 "},
      {"\x04\x01\x00\x50\x00\x00\x00\x01user\x00"s, "\0\x5B"s},  // SOCKS4
      {"\x04"s, "\0\x5B"s},
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

TEST_CASE("proxy: above its limit a client gets its protocol's error, and the others go on") {
  World world;
  auto doors = world.everybody();
  constexpr std::size_t kSmall = 8;  // one party may use half
  doors.room = std::make_shared<Room>(kSmall);
  const auto proxy = open_proxy(world, doors);
  std::vector<std::unique_ptr<Client>> open;
  for (std::size_t i = 0; i < kSmall / 2; ++i) {
    open.push_back(std::make_unique<Client>(world.loop, proxy->local_endpoint(),
                                            socks_request("echo.acme.example", 7) + "x"));
    REQUIRE(world.until([&] { return open.back()->received.ends_with("x"); }));
  }
  const auto http = "CONNECT echo.acme.example:7 HTTP/1.1\r\n\r\n";
  CHECK(exchange(world, proxy->local_endpoint(), http).starts_with("HTTP/1.1 503 "));
  CHECK(exchange(world, proxy->local_endpoint(), socks_request("echo.acme.example", 7))
            .substr(2, 2) == "\x05\x01");
  CHECK(proxy->counters().full == 2);
  open.front()->received.clear();
  open.front()->stream->write(view("still there"));
  CHECK(world.until([&] { return open.front()->received == "still there"; }));
  const auto forward = open_forward(world, doors);  // another party has room of its own
  Client other(world.loop, forward->local_endpoint(), "hello");
  CHECK(world.until([&] { return other.received == "hello"; }));
  open.pop_back();
  CHECK(world.until([&] { return proxy->counters().clients == kSmall / 2 - 1; }));
  Client again(world.loop, proxy->local_endpoint(), socks_request("echo.acme.example", 7) + "y");
  CHECK(world.until([&] { return again.received.ends_with("y"); }));
}

TEST_CASE("proxy attack: clients that are silent or slow make room for who sends its request") {
  World world;
  const auto proxy = open_proxy(world);
  std::vector<std::unique_ptr<Client>> silent;
  for (std::size_t i = 0; i < 3 * kMaxProxyHeads; ++i) {
    const std::string begin = i % 3 == 0 ? "\x05" : i % 3 == 1 ? "CONNECT " : "";
    silent.push_back(std::make_unique<Client>(world.loop, proxy->local_endpoint(), begin));
  }
  REQUIRE(world.until([&] { return proxy->counters().replaced >= 2 * kMaxProxyHeads; }));
  CHECK(proxy->counters().clients <= kMaxProxyHeads);
  CHECK(world.run(curl("--socks5-hostname", *proxy, "http://api.acme.example/")).text ==
        "from the api");
  CHECK(world.run(curl("-px", *proxy, "http://api.acme.example/")).text == "from the api");
  REQUIRE(world.until([&] { return silent[1]->closed; }));
  CHECK(silent[1]->received.starts_with("HTTP/1.1 503 "));
}

TEST_CASE("proxy attack: a flood of refused clients holds few connections") {
  World world;
  auto doors = world.everybody();
  doors.room = std::make_shared<Room>(1);
  const auto proxy = open_proxy(world, doors);
  Client first(world.loop, proxy->local_endpoint(), socks_request("echo.acme.example", 7) + "x");
  REQUIRE(world.until([&] { return first.received.ends_with("x"); }));
  std::vector<std::unique_ptr<Client>> flood;
  for (std::size_t i = 0; i < 3 * kMaxFarewells; ++i) {
    flood.push_back(std::make_unique<Client>(world.loop, proxy->local_endpoint(),
                                             "CONNECT echo.acme.example:7 HTTP/1.1\r\n\r\n"));
    CHECK(doors.farewells->size() <= kMaxFarewells);
  }
  CHECK(world.until([&] { return proxy->counters().full == flood.size(); }));
  CHECK(doors.farewells->size() <= kMaxFarewells);
  CHECK(doors.room->used() == 1);
}

TEST_CASE("proxy: CONNECT as old programs send it, and http:// URLs") {
  World world;
  const auto proxy = open_proxy(world);
  for (const std::string head : {"CONNECT echo.acme.example:7 HTTP/1.0\r\n\r\n",
                                 "CONNECT echo.acme.example:7 HTTP/1.0\r\nHost: a:7\r\n\r\n",
                                 "CONNECT echo.acme.example:7 HTTP/1.1\r\n\r\n"}) {
    Client client(world.loop, proxy->local_endpoint(), head + "x");
    CHECK(world.until([&] { return client.received.ends_with("\r\n\r\nx"); }));
    CHECK(client.received.starts_with("HTTP/1.1 200 "));
  }
  const auto got =
      world.run({"curl", "-sS", "--max-time", "20", "-x",
                 "http://" + format(proxy->local_endpoint()), "http://api.acme.example:8080/path"});
  CHECK(got.text == "from the api");
  CHECK(world.dialed.back() == "api.acme.example:8080");
  Client post(
      world.loop, proxy->local_endpoint(),
      "POST http://echo.acme.example/p?q HTTP/1.0\r\nHost: other\r\nProxy-Connection: "
      "keep-alive\r\nContent-Length: 2\r\n\r\nokGET http://nosuch.example/ HTTP/1.1\r\n\r\n");
  const std::string sent =
      "POST /p?q HTTP/1.0\r\nHost: echo.acme.example\r\nContent-Length: 2\r\nConnection: "
      "close\r\n\r\nok";
  CHECK(world.until([&] { return post.received.size() >= sent.size(); }));
  CHECK(post.received == sent);  // no byte of the request for the other service
  CHECK(world.dialed.back() == "echo.acme.example:80");
}

TEST_CASE("proxy: listens on the loopback of IPv6 as well, with the same check") {
  World world;
  const auto owners = ours(world);
  const auto proxy = open_proxy(world, DoorContext::make(world.loop, owners->check()));
  const Endpoint v6{*parse_address("::1"), proxy->local_endpoint().port};
  Client client(world.loop, v6, socks_request("echo.acme.example", 7) + "six");
  CHECK(world.until([&] { return client.received.ends_with("six"); }));
}

TEST_CASE("proxy: listens on loopback only") {
  World world;
  const auto proxy =
      Proxy::open(world.loop, *parse_endpoint("0.0.0.0:0"), world.dialer(), world.everybody());
  REQUIRE_FALSE(proxy);
  CHECK(proxy.error().code == ErrorCode::kInvalid);
}

TEST_CASE("proxy: serves its owner and nobody else, whatever source tells the owner") {
  for (const auto& sources : {OwnerSources{}, OwnerSources{false, "/proc/net"}}) {
    World world;
    const auto owners = ours(world, sources);
    const auto proxy = open_proxy(world, DoorContext::make(world.loop, owners->check()));
    const auto mine = curl("--socks5-hostname", *proxy, "http://api.acme.example/");
    CHECK(world.run(mine).text == "from the api");
    if (::geteuid() != 0) {
      WARN("not root: cannot run a client as another user");
      return;
    }
    std::vector<std::string> theirs = {"setpriv", "--reuid=65534", "--regid=65534",
                                       "--clear-groups"};
    theirs.insert(theirs.end(), mine.begin(), mine.end());
    const auto got = world.run(theirs);
    CHECK(got.status != 0);
    CHECK(got.text.find("from the api") == std::string::npos);
    CHECK(proxy->counters().foreign == 1);
    CHECK(world.dialed.size() == 1);
  }
}

TEST_CASE("door attack: connections whose check is slow wait in the backlog, within a bound") {
  World world;
  std::vector<OwnerAnswer> asked;
  const auto doors =
      DoorContext::make(world.loop, [&](const Endpoint&, const Endpoint&, OwnerAnswer answer) {
        asked.push_back(std::move(answer));
      });
  const auto forward = open_forward(world, doors);
  std::vector<std::unique_ptr<Client>> flood;
  for (std::size_t i = 0; i < 3 * kMaxUnchecked; ++i) {
    flood.push_back(std::make_unique<Client>(world.loop, forward->local_endpoint(), "hi"));
  }
  std::size_t answered = 0, most = 0;
  REQUIRE(world.until([&] {  // half of the clients are strangers'
    most = std::max(most, asked.size());
    if (asked.size() == kMaxUnchecked || answered + asked.size() == flood.size()) {
      for (const auto& answer : std::exchange(asked, {})) answer(answered++ % 2 == 0);
    }
    return answered == flood.size();
  }));
  CHECK(most == kMaxUnchecked);
  const auto served = [&] {
    return std::count_if(flood.begin(), flood.end(),
                         [](const auto& client) { return client->received == "hi"; });
  };
  CHECK(world.until([&] { return served() == static_cast<long>(flood.size() / 2); }));
  CHECK(forward->counters().foreign == flood.size() / 2);
}

TEST_CASE("forward: a local port leads to the service") {
  World world;
  const auto owners = ours(world);
  const auto forward =
      open_forward(world, DoorContext::make(world.loop, owners->check()), "api.acme.example");
  const auto at = format(forward->local_endpoint());
  const auto got = world.run({"curl", "-sS", "--max-time", "20", "http://" + at + "/"});
  CHECK(got.text == "from the api");
  CHECK(world.dialed == std::vector<std::string>{"api.acme.example:0"});
  REQUIRE(world.until([&] { return forward->clients() == 0; }));
}

TEST_CASE("forward: a client that has already sent its FIN is served") {
  for (const auto& sources : {OwnerSources{}, OwnerSources{false, "/proc/net"}}) {
    World world;
    const auto owners = ours(world, sources);
    const auto forward = open_forward(world, DoorContext::make(world.loop, owners->check()));
    Client client(world.loop, forward->local_endpoint(), "ruok", true);
    CHECK(world.until([&] { return client.closed; }));
    CHECK(client.received == "ruok");
  }
}

TEST_CASE("forward: a refused service closes the connection") {
  World world;
  const auto forward = open_forward(world, world.everybody(), "nosuch.example");
  CHECK(exchange(world, forward->local_endpoint(), "hello").empty());
  CHECK(forward->clients() == 0);
}

TEST_CASE("forward attack: a cross-site request gets 403 and the service gets nothing of it") {
  World world;
  const auto forward = open_forward(world, world.everybody());
  const auto at = forward->local_endpoint();
  const std::string host = "Host: " + format(at) + "\r\n";
  const auto evil = "POST /drop HTTP/1.1\r\n" + host +
                    "Sec-Fetch-Site: cross-site\r\nContent-Length: 4\r\n\r\nbody";
  const auto refused = exchange(world, at, evil);
  CHECK(refused.starts_with("HTTP/1.1 403 "));
  CHECK(refused.find("drop") == std::string::npos);
  CHECK(forward->counters().cross_site == 1);

  const auto good = "GET /mine HTTP/1.1\r\n" + host + "\r\n";
  const auto both = exchange(world, at, good + evil + good);
  CHECK(both.starts_with(good));  // the echo of the first request, then the refusal
  CHECK(both.substr(good.size()).starts_with("HTTP/1.1 403 "));
  CHECK(both.find("drop") == std::string::npos);
  CHECK(forward->counters().cross_site == 2);

  Client split(world.loop, at, "GET /sp");
  Client plain(world.loop, at, "hello");
  REQUIRE(world.until([&] { return plain.received == "hello"; }));
  CHECK(split.received.empty());
  split.stream->write(view("lit HTTP/1.1\r\n" + host + "Origin: https://evil.exa"));
  plain.received.clear();
  plain.stream->write(view("again"));
  REQUIRE(world.until([&] { return plain.received == "again"; }));
  CHECK(split.received.empty());
  split.stream->write(view("mple\r\n\r\n"));
  REQUIRE(world.until([&] { return split.closed; }));
  CHECK(split.received.starts_with("HTTP/1.1 403 "));
  REQUIRE(world.until([&] { return forward->clients() == 1; }));  // only `plain` is left
}

TEST_CASE("forward attack: a foreign Host is refused where the service speaks HTTP") {
  World world;
  const auto forward = open_forward(world, world.everybody(), "echo.acme.example", "http");
  const auto at = forward->local_endpoint();
  CHECK(exchange(world, at, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            .starts_with("HTTP/1.1 403 "));
  const auto good = "GET / HTTP/1.1\r\nHost: echo.acme.example\r\n\r\n";
  Client client(world.loop, at, good);
  CHECK(world.until([&] { return client.received == good; }));
}

TEST_CASE("forward: a client that waits for the service to speak first waits for nothing else") {
  World world;
  const auto forward = open_forward(world, world.everybody(), "greeting.acme.example");
  Client client(world.loop, forward->local_endpoint(), "");
  CHECK(world.until([&] { return client.received == "220 ready\r\n"; }));
}

TEST_CASE("forward: above its limit HTTP clients are answered, others closed") {
  World world;
  auto doors = world.everybody();
  doors.room = std::make_shared<Room>(2);  // one party may use half
  const auto forward = open_forward(world, doors);
  Client first(world.loop, forward->local_endpoint(), "first");
  REQUIRE(world.until([&] { return first.received == "first"; }));
  const auto at = forward->local_endpoint();
  CHECK(exchange(world, at, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 503 "));
  CHECK(exchange(world, at, "SSH-2.0-x\r\n").empty());
  CHECK(exchange(world, at, "").empty());  // silence: closed after a time
  CHECK(forward->counters().full == 3);
  first.stream->close();
  REQUIRE(world.until([&] { return forward->clients() == 0; }));
  Client next(world.loop, at, "next");
  CHECK(world.until([&] { return next.received == "next"; }));
}

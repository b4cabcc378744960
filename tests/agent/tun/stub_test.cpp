// The stub resolver between a client's sockets and the test's own servers.
#include "agent/tun/stub.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "proto/runtime/packet/udp.hpp"
#include "proto/runtime/stream/tcp.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::tun;
using namespace culvert::runtime;

namespace {

const std::string kSite = "site.example";
const std::string kApi = "api.site.example";

Endpoint loopback(std::uint8_t last, std::uint16_t port = 0) {
  return {IpAddress::v4(127, 0, 0, last), port};
}

Bytes asks(std::string_view name, std::uint16_t id) {
  Bytes out;
  Writer w(out);
  w.be(id).be<std::uint16_t>(0x0100).be<std::uint16_t>(1).be<std::uint32_t>(0);
  w.be<std::uint16_t>(0);
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    out.push_back(static_cast<std::uint8_t>(label.size()));
    append(out, view(label));
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  out.push_back(0);
  w.be<std::uint16_t>(1).be<std::uint16_t>(1);
  return out;
}
unsigned id_of(ByteView message) { return load_be<std::uint16_t>(message.data()); }
unsigned rcode_of(ByteView message) { return message[3] & 0x0FU; }
Bytes framed(ByteView message) {
  Bytes out;
  Writer(out).be(static_cast<std::uint16_t>(message.size())).bytes(message);
  return out;
}

// A server on one port of UDP and TCP: answers every question with rcode 0, and marks the last
// byte.
struct Server {
  Server(Loop& loop, std::uint8_t last) {
    auto tcp_listener = TcpListener::open(
        loop, loopback(last), [this](std::unique_ptr<TcpStream> stream, const Endpoint&) {
          streams.push_back(std::move(stream));
          auto* raw = streams.back().get();
          raw->start({[this, raw](ByteView bytes) {
                        Bytes answer = answer_to(bytes.subspan(2));
                        raw->write(framed(answer));
                      },
                      {},
                      {},
                      {}});
        });
    REQUIRE(tcp_listener);
    tcp = std::move(*tcp_listener);
    auto socket = UdpSocket::open(loop, tcp->local_endpoint(),
                                  [this](std::span<Datagram> batch) {
                                    for (const auto& d : batch) {
                                      if (silent) continue;
                                      Bytes answer = answer_to(d.bytes);
                                      if (forged) {  // first a wrong id, which must be ignored
                                        Bytes wrong = answer;
                                        wrong[0] ^= 1U;
                                        const Datagram bad{d.way, wrong};
                                        udp->send({&bad, 1});
                                      }
                                      const Datagram out{d.way, answer};
                                      udp->send({&out, 1});
                                    }
                                  },
                                  {.offloads = Offloads::none()});
    REQUIRE(socket);
    udp = std::move(*socket);
  }
  Bytes answer_to(ByteView query) {
    asked.push_back(to_bytes(query));
    Bytes answer = to_bytes(query);
    answer[2] |= 0x80U;
    return answer;
  }
  Endpoint at() const { return tcp->local_endpoint(); }

  bool silent = false, forged = false;
  std::vector<Bytes> asked;
  std::unique_ptr<TcpListener> tcp;
  std::unique_ptr<UdpSocket> udp;
  std::vector<std::unique_ptr<TcpStream>> streams;
};

std::optional<IpAddress> granted(const std::string& name) {
  return name == kApi ? parse_address("fd63::1") : std::nullopt;
}

struct World {
  explicit World(std::vector<Endpoint> servers = {}) { open(std::move(servers)); }
  void open(std::vector<Endpoint> servers) {
    stub.reset();
    // A free port: the port is bound for UDP and for TCP.
    auto probe = TcpListener::open(loop, loopback(1), [](auto, auto) {});
    REQUIRE(probe);
    at = loopback(1, (*probe)->local_endpoint().port);
    probe->reset();
    auto opened = Stub::open(loop, rng, {at, std::move(servers), [this](const Endpoint&, bool) {
                                           dns::Names names{{kSite}, {}};
                                           if (known) names.granted = granted;
                                           return names;
                                         }});
    REQUIRE(opened);
    stub = std::move(*opened);
    auto socket = UdpSocket::open(loop, loopback(1),
                                  [this](std::span<Datagram> batch) {
                                    for (const auto& d : batch)
                                      answers.push_back(to_bytes(d.bytes));
                                  },
                                  {.offloads = Offloads::none()});
    REQUIRE(socket);
    client = std::move(*socket);
  }
  void ask(ByteView message) {
    Bytes bytes = to_bytes(message);
    const Datagram out{UdpWay{at}, bytes};
    client->send({&out, 1});
  }
  bool wait(const std::function<bool()>& done) { return loop.run_until(done, 20s); }

  Loop loop;
  SeededRng rng{5};
  bool known = true;
  Endpoint at;
  std::unique_ptr<Stub> stub;
  std::unique_ptr<UdpSocket> client;
  std::vector<Bytes> answers;
};

}  // namespace

TEST_CASE("stub: names of the mesh are answered here, and never asked elsewhere") {
  World world;
  Server server(world.loop, 1);
  world.open({server.at()});
  world.ask(asks(kApi, 1));
  world.ask(asks("dark." + kSite, 2));
  REQUIRE(world.wait([&] { return world.answers.size() == 2; }));
  CHECK(rcode_of(world.answers[0]) == 0);
  CHECK(rcode_of(world.answers[1]) == 3);
  world.known = false;  // a stranger's program asks
  world.ask(asks(kApi, 3));
  REQUIRE(world.wait([&] { return world.answers.size() == 3; }));
  CHECK(rcode_of(world.answers[2]) == 3);
  CHECK(server.asked.empty());
  CHECK(world.stub->counters().answered == 3);
}

TEST_CASE("stub: other names go to the server under another id and come back under their own") {
  World world;
  Server server(world.loop, 1);
  server.forged = true;
  world.open({server.at()});
  for (std::uint16_t id = 1; id <= 20; ++id) world.ask(asks("www.example.org", id));
  REQUIRE(world.wait([&] { return world.answers.size() == 20; }));
  std::vector<unsigned> ids, sent;
  for (const auto& answer : world.answers) ids.push_back(id_of(answer));
  for (const auto& query : server.asked) sent.push_back(id_of(query));
  std::sort(ids.begin(), ids.end());
  CHECK(ids.front() == 1);
  CHECK(ids.back() == 20);
  CHECK(std::unique(ids.begin(), ids.end()) == ids.end());
  std::sort(sent.begin(), sent.end());
  CHECK(sent.back() > 20);
  CHECK(world.stub->counters().foreign >= 1);
}

TEST_CASE("stub: a silent server is passed over; when none answers the client is told") {
  World world;
  Server silent(world.loop, 1), other(world.loop, 1);
  silent.silent = true;
  world.open({silent.at(), other.at()});
  world.ask(asks("www.example.org", 7));
  REQUIRE(world.wait([&] { return world.answers.size() == 1; }));
  CHECK(id_of(world.answers[0]) == 7);
  CHECK(rcode_of(world.answers[0]) == 0);
  CHECK(silent.asked.empty());
  other.silent = true;
  world.ask(asks("www.example.org", 8));
  REQUIRE(world.wait([&] { return world.answers.size() == 2; }));
  CHECK(rcode_of(world.answers[1]) == 2);
  world.open({});  // no server
  world.answers.clear();
  world.ask(asks("www.example.org", 9));
  REQUIRE(world.wait([&] { return world.answers.size() == 1; }));
  CHECK(rcode_of(world.answers[0]) == 2);
}

TEST_CASE("stub: by TCP the same, several questions on one connection") {
  World world;
  Server server(world.loop, 1);
  world.open({server.at()});
  std::unique_ptr<TcpStream> stream;
  Bytes got;
  TcpConnect connect(world.loop, world.at, {}, [&](Result<std::unique_ptr<TcpStream>> done) {
    if (done) stream = std::move(*done);
  });
  REQUIRE(world.wait([&] { return stream != nullptr; }));
  stream->start({[&](ByteView bytes) { append(got, bytes); }, {}, {}, {}});
  const Bytes dark = framed(asks("dark." + kSite, 1));
  const Bytes away = framed(asks("www.example.org", 2));
  const Bytes api = framed(asks(kApi, 3));
  stream->write(ByteView(dark).first(5));
  stream->write(ByteView(dark).subspan(5));
  stream->write(away);
  stream->write(api);
  REQUIRE(world.wait([&] { return got.size() == dark.size() + away.size() + api.size(); }));
  CHECK(id_of(ByteView(got).subspan(2)) == 1);
  CHECK(rcode_of(ByteView(got).subspan(2)) == 3);
  CHECK(id_of(ByteView(got).subspan(dark.size() + 2)) == 2);
  CHECK(id_of(ByteView(got).subspan(dark.size() + away.size() + 2)) == 3);
  CHECK(server.asked.size() == 1);
}

TEST_CASE("stub: TCP garbage ends its connection, and servers that refuse are said so") {
  World world;
  world.open({loopback(1, 1)});  // no listener
  std::unique_ptr<TcpStream> stream;
  Bytes got;
  bool closed = false;
  TcpConnect connect(world.loop, world.at, {}, [&](Result<std::unique_ptr<TcpStream>> done) {
    if (done) stream = std::move(*done);
  });
  REQUIRE(world.wait([&] { return stream != nullptr; }));
  stream->start({[&](ByteView bytes) { append(got, bytes); },
                 [&] { closed = true; },
                 {},
                 [&](const runtime::Closing&) { closed = true; }});
  stream->write(framed(asks("www.example.org", 2)));
  REQUIRE(world.wait([&] { return got.size() > 14; }));
  CHECK(rcode_of(ByteView(got).subspan(2)) == 2);
  stream->write(framed(Bytes(3)));
  CHECK(world.wait([&] { return closed; }));
  CHECK(world.stub->counters().malformed == 1);
}

TEST_CASE("stub: a port that is taken is said") {
  World world;
  const auto again = Stub::open(world.loop, world.rng, {world.at, {}, {}});
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::kConflict);
}

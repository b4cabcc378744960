// Two stacks back to back, where the system allows a user namespace: packets that one stack sends
// go into the other. Address a belongs to the first stack, address b to the second.
#include "agent/stack/kernel_stack.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <csignal>
#include <optional>

#include "agent/stack/netstack.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using runtime::ByteStream;
using stack::KernelStack;
using stack::Netstack;
using stack::Stack;

namespace {

constexpr Duration kPatience = 60s;  // until a hanging test fails

const IpAddress a = *parse_address("fd63:756c:7665::a");
const IpAddress b = *parse_address("fd63:756c:7665::b");
const Endpoint service{b, 443};

struct Helper {
  std::unique_ptr<runtime::PrivateNetwork> network;
  pid_t child = 0;
};

// Like PrivateNetwork::fork(), but the test may end the process.
Helper start_helper() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) runtime::serve_private_network(ends[1], stack::kernel_stack_network());
  ::close(ends[1]);
  return {std::make_unique<runtime::PrivateNetwork>(ends[0], 0), child};
}

struct World {
  explicit World(bool lwip_client = false, runtime::Offloads wanted = {}) : offloads(wanted) {
    server = open(helper_of_server, [this](auto packets) { carry(client.get(), packets); });
    if (lwip_client) {
      client = std::make_unique<Netstack>(loop, rng, stack::NetstackOptions{},
                                          [this](auto packets) { carry(server.get(), packets); });
    } else {
      client = open(helper_of_client, [this](auto packets) { carry(server.get(), packets); });
    }
    if (!possible()) {
      WARN("not tried: " + why);
      return;
    }
    REQUIRE(client->add_address(a));
    REQUIRE(server->add_address(b));
  }
  ~World() {
    client.reset();
    server.reset();
    for (const pid_t child : {helper_of_server, helper_of_client}) {
      if (child != 0) ::waitpid(child, nullptr, 0);
    }
  }

  bool possible() const { return client && server; }

  std::unique_ptr<Stack> open(pid_t& child, Stack::Output output) {
    auto helper = start_helper();
    child = helper.child;
    auto stack = KernelStack::open(loop, std::move(helper.network), offloads, std::move(output),
                                   [this] { ++ended; });
    if (stack) return std::move(*stack);
    why = stack.error().message;
    return nullptr;
  }
  void carry(Stack* to, std::span<const RoomyPacket> packets) {
    std::vector<ByteView> views;
    for (const RoomyPacket& each : packets) views.push_back(each.packet());
    if (to != nullptr && !dark) to->input(views);
  }
  bool until(const std::function<bool()>& done) { return loop.run_until(done, kPatience); }

  runtime::Loop loop;
  SeededRng rng{1};
  pid_t helper_of_server = 0, helper_of_client = 0;
  std::unique_ptr<Stack> client, server;
  std::string why;
  runtime::Offloads offloads;
  int ended = 0;
  bool dark = false;
};

// One end of a connection and what happened to it.
struct End {
  void take(std::unique_ptr<ByteStream> given) {
    stream = std::move(given);
    runtime::StreamEvents events;
    events.data = [this](ByteView bytes) { append(received, bytes); };
    events.end = [this] { finished = true; };
    events.closed = [this](const runtime::Closing& error) {
      closed = error.value_or(Error{ErrorCode::kUnavailable, ""});
    };
    stream->start(std::move(events));
  }
  std::unique_ptr<ByteStream> stream;
  Bytes received;
  bool finished = false;
  std::optional<Error> closed;
};

struct Pair {
  explicit Pair(World& world) {
    REQUIRE(
        world.server->listen(service, [this](std::unique_ptr<ByteStream> stream, Endpoint from) {
          peer = from;
          server.take(std::move(stream));
        }));
    world.client->connect(a, service, kPatience, [this](auto stream) {
      REQUIRE(stream);
      client.take(std::move(*stream));
    });
    REQUIRE(world.until([&] { return client.stream && server.stream; }));
  }
  End client, server;
  Endpoint peer;
};

ErrorCode failure_of(World& world, const IpAddress& from, const Endpoint& to) {
  std::optional<ErrorCode> code;
  world.client->connect(from, to, kPatience, [&](auto stream) {
    REQUIRE_FALSE(stream);
    code = stream.error().code;
  });
  CHECK_FALSE(code);  // no callback from inside the call
  REQUIRE(world.until([&] { return code.has_value(); }));
  return *code;
}

}  // namespace

TEST_CASE("kernel stack: bytes both ways, half-close, against both stacks", "[kernel_stack]") {
  const bool lwip = GENERATE(false, true);
  const bool plain = GENERATE(false, true);
  World world(lwip, plain ? runtime::Offloads::none() : runtime::Offloads{});
  if (!world.possible()) return;
  Pair pair(world);
  CHECK(pair.peer.address == a);
  Bytes sent(3U << 20U);
  world.rng.fill(sent);
  pair.client.stream->write(sent);
  pair.client.stream->finish();
  REQUIRE(world.until([&] { return pair.server.finished; }));
  CHECK(pair.server.received == sent);
  pair.server.stream->write(view("after the half-close"));
  pair.server.stream->finish();
  REQUIRE(world.until([&] { return pair.client.closed && pair.server.closed; }));
  CHECK(text(pair.client.received) == "after the half-close");
  CHECK(pair.client.closed->message.empty());
  CHECK(pair.server.closed->message.empty());
}

TEST_CASE("kernel stack: what is refused", "[kernel_stack]") {
  World world;
  if (!world.possible()) return;
  const auto ignore = [](std::unique_ptr<ByteStream>, Endpoint) {};
  CHECK(failure_of(world, a, service) == ErrorCode::kUnavailable);  // no listener
  CHECK(failure_of(world, b, service) == ErrorCode::kInvalid);      // not its address
  CHECK(failure_of(world, a, {*parse_address("127.0.0.1"), 1}) == ErrorCode::kInvalid);
  CHECK(world.client->listen(service, ignore).error().code == ErrorCode::kInvalid);
  CHECK(world.server->add_address(*parse_address("127.0.0.1")).error().code == ErrorCode::kInvalid);
  REQUIRE(world.server->add_address(b));
  REQUIRE(world.server->listen(service, ignore));
  CHECK(world.server->listen(service, ignore).error().code == ErrorCode::kConflict);
  world.server->unlisten(service);
  REQUIRE(world.server->listen(service, ignore));
  for (std::uint16_t i = 1; i < stack::kMaxListeners; ++i) {
    REQUIRE(world.server->listen({b, static_cast<std::uint16_t>(1000 + i)}, ignore));
  }
  CHECK(world.server->listen({b, 80}, ignore).error().code == ErrorCode::kExhausted);
  IpAddress more = b;
  for (std::size_t i = 1; i < stack::kMaxAddresses; ++i) {
    more.bytes[14] = static_cast<std::uint8_t>(i);
    REQUIRE(world.server->add_address(more));
  }
  more.bytes[13] = 1;
  CHECK(world.server->add_address(more).error().code == ErrorCode::kExhausted);
}

TEST_CASE("kernel stack: a silent peer costs the time that was given", "[kernel_stack]") {
  World world;
  if (!world.possible()) return;
  world.dark = true;
  std::optional<ErrorCode> code;
  world.client->connect(a, service, Duration(1ms),
                        [&](auto stream) { code = stream.error().code; });
  REQUIRE(world.until([&] { return code.has_value(); }));
  CHECK(*code == ErrorCode::kTimeout);
}

TEST_CASE("kernel stack: abort_if cuts what it names, with a reset", "[kernel_stack]") {
  World world(GENERATE(false, true));
  if (!world.possible()) return;
  Pair pair(world);
  world.server->abort_if(
      [](const Endpoint&, const Endpoint& remote) { return remote.address == b; });
  pair.client.stream->write(view("still"));
  REQUIRE(world.until([&] { return text(pair.server.received) == "still"; }));
  world.server->abort_if([](const Endpoint& local, const Endpoint& remote) {
    return local == service && remote.address == a;
  });
  CHECK_FALSE(pair.server.closed);
  REQUIRE(world.until([&] { return pair.client.closed && pair.server.closed; }));
  CHECK(pair.server.closed->code == ErrorCode::kDenied);
  CHECK_FALSE(pair.client.closed->message.empty());
}

TEST_CASE("kernel stack: silent peers of accepted connections are probed", "[kernel_stack]") {
  World world;
  if (!world.possible()) return;
  Pair pair(world);
  std::size_t accepted = 0, probed = 0;
  for (int socket = 3; socket < 1024; ++socket) {
    int listens = 1, probes = 0, idle = 0;
    sockaddr_in6 name{};
    socklen_t size = sizeof listens, name_size = sizeof name;
    if (::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens != 0 ||
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &name_size) != 0 ||
        name.sin6_family != AF_INET6 || name.sin6_port != htons(service.port)) {
      continue;
    }
    ++accepted;
    size = sizeof probes;
    ::getsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &probes, &size);
    size = sizeof idle;
    ::getsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size);
    if (probes != 0 && idle == 60) ++probed;
  }
  CHECK(accepted == 1);
  CHECK(probed == 1);
}

TEST_CASE("kernel stack: streams may be used after it has gone", "[kernel_stack]") {
  World world;
  if (!world.possible()) return;
  Pair pair(world);
  world.server->end_peer(a);
  REQUIRE(world.until([&] { return pair.client.closed && pair.server.closed; }));
  world.server.reset();
  world.client.reset();
  for (auto* end : {&pair.server, &pair.client}) {
    end->stream->write(view("x"));
    end->stream->pause();
    end->stream->resume();
    end->stream->finish();
    end->stream->close();
    end->stream->resume();
    end->stream->finish();
  }
  world.loop.run_until([] { return false; }, Duration::zero());
}

TEST_CASE("kernel stack: a peer that started anew loses its connections", "[kernel_stack]") {
  World world;
  if (!world.possible()) return;
  Pair pair(world);
  world.server->end_peer(b);  // not the peer
  pair.client.stream->write(view("still"));
  REQUIRE(world.until([&] { return text(pair.server.received) == "still"; }));
  world.server->end_peer(a);
  REQUIRE(world.until([&] { return pair.client.closed && pair.server.closed; }));
  CHECK(pair.server.closed->code == ErrorCode::kUnavailable);
  CHECK_FALSE(pair.server.closed->message.empty());
  CHECK_FALSE(pair.client.closed->message.empty());
}

TEST_CASE("kernel stack: a connection under way is cut too", "[kernel_stack]") {
  World world;
  if (!world.possible()) return;
  world.dark = true;
  std::optional<ErrorCode> code;
  world.client->connect(a, service, kPatience, [&](auto stream) { code = stream.error().code; });
  world.client->abort_if([](const Endpoint&, const Endpoint& remote) { return remote == service; });
  REQUIRE(world.until([&] { return code.has_value(); }));
  CHECK(*code == ErrorCode::kDenied);
}

TEST_CASE("kernel stack: an address that goes takes its flows and listeners along",
          "[kernel_stack]") {
  World world;
  if (!world.possible()) return;
  Pair pair(world);
  world.server->remove_address(b);
  REQUIRE(world.until([&] { return pair.client.closed && pair.server.closed; }));
  CHECK(failure_of(world, a, service) == ErrorCode::kUnavailable);
}

TEST_CASE("kernel stack: the end of its helper ends everything", "[kernel_stack]") {
  World world;
  if (!world.possible()) return;
  Pair pair(world);
  ::kill(world.helper_of_server, SIGKILL);
  REQUIRE(world.until([&] { return world.ended == 1 && pair.server.closed; }));
  CHECK(pair.server.closed->code == ErrorCode::kDenied);
  CHECK(world.server->listen(service, {}).error().code == ErrorCode::kUnavailable);
}

TEST_CASE("kernel stack: streams that outlive it are silent", "[kernel_stack]") {
  World world;
  if (!world.possible()) return;
  Pair pair(world);
  world.server.reset();
  pair.server.stream->write(view("into the void"));
  pair.client.stream->write(view("?"));
  world.loop.defer([] {});
  world.loop.run_until([] { return false; }, Duration::zero());
  CHECK_FALSE(pair.server.closed);
  CHECK(pair.server.received.empty());
}

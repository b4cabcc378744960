// WaitingRoom on real sockets: which connections are reset, what takes a place, and what frees one.
#include "proto/runtime/stream/waiting_room.hpp"

#include <catch2/catch.hpp>

#include "proto/runtime/stream/http.hpp"
#include "tests/proto/runtime/runtime_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

// A listener whose connections go through a room with three places.
struct Door {
  explicit Door(Loop& on) : loop(on) {
    auto opened = TcpListener::open(loop, loopback(), [this](auto stream, const Endpoint& peer) {
      room.take_in(*stream, peer);
      streams.push_back(stream.get());
      servers.push_back(std::make_unique<Peer>());
      servers.back()->take(std::move(stream));
    });
    REQUIRE(opened);
    listener = std::move(*opened);
  }

  Peer& connect() {
    const auto before = servers.size();
    clients.push_back(std::make_unique<Peer>());
    const TcpConnect connecting(loop, listener->local_endpoint(), {}, [&](auto stream) {
      REQUIRE(stream);
      clients.back()->take(std::move(*stream));
    });
    RUN_UNTIL(loop, servers.size() > before && clients.back()->stream);
    return *clients.back();
  }
  std::size_t open() const {
    std::size_t count = 0;
    for (const auto& server : servers) count += server->closed ? 0U : 1U;
    return count;
  }

  Loop& loop;
  SeededRng rng{7};
  WaitingRoom room{3, 3, rng};
  std::unique_ptr<TcpListener> listener;
  std::vector<TcpStream*> streams;
  std::vector<std::unique_ptr<Peer>> servers, clients;
};

}  // namespace

TEST_CASE("waiting room: a new connection replaces a waiting one, none is refused",
          "[runtime][room]") {
  Loop loop;
  Door door(loop);
  for (int i = 0; i < 20; ++i) {
    auto& client = door.connect();
    client.write("I am here");  // the newest client is always served
    RUN_UNTIL(loop, door.servers.back()->got == "I am here");
  }
  RUN_UNTIL(loop, door.open() == 3);
  CHECK(door.room.size() == 3);
  CHECK(door.room.replaced() == 17);
  for (const auto& server : door.servers) {
    if (server->closed) CHECK(server->closed->code == ErrorCode::kExhausted);
  }
}

TEST_CASE("waiting room: a client that has proven itself is not replaced", "[runtime][room]") {
  Loop loop;
  Door door(loop);
  door.connect();
  CHECK(door.streams[0]->limited());
  door.streams[0]->lift_limits();
  CHECK_FALSE(door.streams[0]->limited());
  CHECK(door.room.size() == 0);
  for (int i = 0; i < 20; ++i) door.connect();
  RUN_UNTIL(loop, door.open() == 4);
  CHECK_FALSE(door.servers[0]->closed);
}

TEST_CASE("waiting room: a place is free when its socket is gone", "[runtime][room]") {
  Loop loop;
  Door door(loop);
  for (int i = 0; i < 3; ++i) door.connect();
  door.servers[0]->stream->close();
  CHECK(door.room.size() == 2);
  door.servers[1]->stream.reset();
  CHECK(door.room.size() == 1);
  door.clients[2]->stream->finish();
  door.servers[2]->stream->finish();
  RUN_UNTIL(loop, door.servers[2]->closed.has_value());
  CHECK(door.room.size() == 0);
  CHECK(door.room.replaced() == 0);
}

TEST_CASE("waiting room: an answered request keeps its place while it lingers", "[runtime][room]") {
  Loop loop;
  SeededRng rng(1);
  WaitingRoom room(2, 2, rng);
  std::vector<std::unique_ptr<HttpAcceptor>> requests;
  int answered = 0;
  auto listener = TcpListener::open(loop, loopback(), [&](auto stream, const Endpoint& peer) {
    room.take_in(*stream, peer);
    const auto at = requests.size();
    requests.emplace_back();
    requests[at] = std::make_unique<HttpAcceptor>(loop, std::move(stream),
                                                  [&, at](Result<http::RequestHead> head) {
                                                    if (head) requests[at]->answer(200, {}, "ok");
                                                    if (head) ++answered;
                                                  });
  });
  REQUIRE(listener);
  std::vector<std::unique_ptr<Peer>> clients;
  for (int i = 0; i < 9; ++i) {  // each client gets its answer; no client closes its end
    clients.push_back(std::make_unique<Peer>());
    const TcpConnect connecting(loop, (*listener)->local_endpoint(), {}, [&](auto stream) {
      REQUIRE(stream);
      clients.back()->take(std::move(*stream));
      clients.back()->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    });
    RUN_UNTIL(loop, answered == i + 1);
    CHECK(room.size() <= 2);
  }
  CHECK(room.replaced() == 7);
}

TEST_CASE("waiting room: a stranger that does not read is cut soon", "[runtime][room]") {
  Loop loop;
  Door door(loop);
  auto& client = door.connect();
  client.stream->pause();
  const std::string line(1000, 'a');
  for (int i = 0; i < 20'000; ++i) door.servers[0]->write(line);
  RUN_UNTIL(loop, door.servers[0]->closed.has_value());
  CHECK(door.servers[0]->closed->code == ErrorCode::kExhausted);
}

TEST_CASE("waiting room: streams may outlive the room", "[runtime][room]") {
  Loop loop;
  SeededRng rng(1);
  TcpPair tcp(loop);
  Peer server;
  {
    WaitingRoom room(1, 1, rng);
    room.take_in(*tcp.server, tcp.server->peer_endpoint());
    server.take(std::move(tcp.server));
  }
  server.stream->lift_limits();
  server.stream->close();
}

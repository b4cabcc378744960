#include "proto/control/channel.hpp"

#include <catch2/catch.hpp>
#include "tests/support/seeded_rng.hpp"

namespace culvert::control {
namespace {

struct Pair {
  SeededRng rng{7};
  noise::KeyPair client_key = noise::KeyPair::generate(rng);
  noise::KeyPair server_key = noise::KeyPair::generate(rng);
  Channel client = Channel::initiator(client_key.clone(), server_key.public_key, rng);
  Channel server = Channel::responder(server_key.clone(), rng);

  void handshake() {
    const auto first = client.start().value();
    CHECK(first.size() == 96);
    const auto answer = server.receive(first).value();
    REQUIRE(answer.answer.has_value());
    CHECK(answer.answer->size() == 48);
    REQUIRE(client.receive(*answer.answer).has_value());
  }
};

// Sends a message from one channel to the other and returns the received message.
std::string carry(Channel& from, Channel& to, std::string_view message) {
  std::optional<std::string> arrived;
  const auto records = from.seal(message).value();
  for (const auto& record : records) {
    CHECK(record.size() <= kMaxRecord);
    auto received = to.receive(record).value();
    if (received.message) arrived = std::move(received.message);
  }
  return arrived.value();
}

TEST_CASE("channel: both sides know each other and one hash after the handshake") {
  Pair pair;
  CHECK_FALSE(pair.client.ready());
  pair.handshake();
  CHECK(pair.client.ready());
  CHECK(pair.server.ready());
  CHECK(pair.client.proven());
  CHECK_FALSE(pair.server.proven());  // message 1 can be a replay
  CHECK(pair.server.peer() == pair.client_key.public_key);
  CHECK(pair.client.handshake_hash() == pair.server.handshake_hash());
  CHECK(carry(pair.client, pair.server, "hello") == "hello");
  CHECK(pair.server.proven());
  CHECK(carry(pair.server, pair.client, "welcome") == "welcome");
}

TEST_CASE("channel: messages of every length around the record's border arrive whole") {
  Pair pair;
  pair.handshake();
  constexpr std::size_t kFirst = kMaxRecord - 16 - 4;
  for (const std::size_t size : {std::size_t{1}, kFirst - 1, kFirst, kFirst + 1,
                                 kFirst + kMaxRecord - 16, kFirst + kMaxRecord - 15, kMaxMessage}) {
    const std::string message(size, 'x');
    CHECK(carry(pair.client, pair.server, message) == message);
  }
  CHECK_FALSE(pair.client.seal(std::string(kMaxMessage + 1, 'x')).has_value());
  CHECK_FALSE(pair.client.seal("").has_value());
}

TEST_CASE("channel: changed, repeated, reordered, missing and replayed records end it") {
  Pair pair;
  pair.handshake();
  const auto one = pair.client.seal("one").value().front();
  const auto two = pair.client.seal("two").value().front();
  SECTION("changed") {
    for (std::size_t i = 0; i < one.size(); ++i) {
      Pair fresh;
      fresh.handshake();
      auto bad = fresh.client.seal("one").value().front();
      bad[i] ^= 1U;
      CHECK_FALSE(fresh.server.receive(bad).has_value());
    }
  }
  SECTION("repeated") {
    REQUIRE(pair.server.receive(one).has_value());
    CHECK_FALSE(pair.server.receive(one).has_value());
  }
  SECTION("out of order, and dead afterwards") {
    CHECK_FALSE(pair.server.receive(two).has_value());
    CHECK_FALSE(pair.server.receive(one).has_value());
    CHECK_FALSE(pair.server.seal("x").has_value());
  }
  SECTION("reflected") { CHECK_FALSE(pair.client.receive(one).has_value()); }
  SECTION("replayed to another connection of the same coordinator") {
    Pair other;
    auto replayed = other.client.start().value();
    REQUIRE(other.server.receive(replayed).has_value());
    auto again = Channel::responder(other.server_key.clone(), other.rng);
    REQUIRE(again.receive(replayed).has_value());  // message 1 is replayable by design …
    CHECK_FALSE(again.proven());                   // … and proves nothing
  }
}

TEST_CASE("channel: lengths that lie are refused") {
  // A peer with the right keys but wrong frames; the test seals the chunks by hand.
  struct Case {
    const char* name;
    std::vector<Bytes> chunks;
    bool good;
  };
  const std::vector<Case> cases = {
      {"whole", {{0, 0, 0, 2, 'a', 'b'}}, true},
      {"two chunks", {{0, 0, 0, 2, 'a'}, {'b'}}, true},
      {"no length", {{0, 0, 0}}, false},
      {"zero", {{0, 0, 0, 0}}, false},
      {"over the limit", {{0, 0x10, 0, 1, 'a'}}, false},
      {"length alone", {{0, 0, 0, 2}}, false},
      {"more than said", {{0, 0, 0, 1, 'a', 'b'}}, false},
      {"second chunk too long", {{0, 0, 0, 2, 'a'}, {'b', 'c'}}, false},
      {"empty chunk", {{0, 0, 0, 2, 'a'}, {}}, false},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    SeededRng rng(1);
    const auto server_key = noise::KeyPair::generate(rng);
    auto server = Channel::responder(server_key.clone(), rng);
    noise::Initiator initiator(view(kPrologue), noise::KeyPair::generate(rng),
                               server_key.public_key, noise::KeyPair::generate(rng));
    const auto answer = server.receive(initiator.write_first({}).value()).value();
    REQUIRE(initiator.read_second(*answer.answer).has_value());
    auto sending = initiator.split().first;
    bool good = true;
    for (const auto& chunk : c.chunks) {
      good = good && server.receive(sending.seal({}, chunk)).has_value();
    }
    CHECK(good == c.good);
  }
}

}  // namespace
}  // namespace culvert::control

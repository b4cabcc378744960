// The client with a coordinator that is played by the test, in simulated time.
#include "proto/control/client.hpp"

#include <catch2/catch.hpp>

#include "proto/core/overloaded.hpp"
#include "proto/crypto/hash.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::control {
namespace {

std::string make_note(std::string_view text, std::string_view signature = "AAAAAAAA") {
  return std::string(text) + "\n\n— x " + std::string(signature) + "\n";
}
NoteId id_of(std::string_view text) { return crypto::sha256(view(std::string(text) + "\n")); }

// One client and the other end of its connection.
struct Bench {
  explicit Bench(std::uint64_t seed = 1, std::vector<crypto::SigningKey> proofs = {})
      : rng(seed),
        server_key(noise::KeyPair::generate(rng)),
        client({noise::KeyPair::generate(rng), server_key.public_key, std::move(proofs)}, rng) {}

  // Drains the outputs: counts them, and passes records to the server while the server is up.
  void pump() {
    while (auto output = client.poll_output()) {
      std::visit(overloaded{[this](const OpenConnection&) {
                              ++opened;
                              channel.reset();
                            },
                            [this](const CloseConnection&) {
                              ++closed;
                              channel.reset();
                            },
                            [this](const SendRecord& send) { take(send.record); }},
                 *output);
    }
    while (auto event = client.poll_event()) events.push_back(std::move(*event));
  }
  void take(const Bytes& record) {
    if (!channel) return;
    auto received = channel->receive(record).value();
    if (received.answer) replies.push_back(*received.answer);
    if (received.message) heard.push_back(decode(*received.message).value());
  }
  void accept() {
    channel.emplace(Channel::responder(server_key.clone(), rng));
    client.handle_opened(now);
    pump();
    const auto answers = std::exchange(replies, {});
    for (const auto& answer : answers) client.handle_message(now, answer);
    pump();
  }
  void say(const Message& message) {
    const auto records = channel->seal(encode(message)).value();
    for (const auto& record : records) client.handle_message(now, record);
    pump();
  }
  void connect() {
    client.start(now);
    pump();
    accept();
    say(Welcome{1, "run", 0, {}});
  }
  void until(Instant when) {  // lets timers expire
    while (client.next_deadline() <= when) {
      now = std::max(now, client.next_deadline());
      client.handle_timeout(now);
      pump();
    }
    now = when;
  }
  template <class T>
  std::vector<T> all() const {
    std::vector<T> out;
    for (const auto& event : events) {
      if (const auto* found = std::get_if<T>(&event)) out.push_back(*found);
    }
    return out;
  }
  template <class T>
  std::vector<T> said() const {
    std::vector<T> out;
    for (const auto& message : heard) {
      if (const auto* found = std::get_if<T>(&message)) out.push_back(*found);
    }
    return out;
  }

  SeededRng rng;
  noise::KeyPair server_key;
  Client client;
  std::optional<Channel> channel;
  Instant now{1'000'000'000};
  std::vector<Bytes> replies;
  std::vector<Message> heard;
  std::vector<Event> events;
  int opened = 0;
  int closed = 0;
};

TEST_CASE("control client: says hello with its statement and is welcomed") {
  Bench bench;
  bench.client.set_node("node\n", "enrolment\n");
  bench.client.start(bench.now);
  bench.pump();
  CHECK(bench.opened == 1);
  bench.accept();
  REQUIRE(bench.said<Hello>().size() == 1);
  CHECK(bench.said<Hello>().front() == Hello{{}, "node\n", "enrolment\n", "", 0});
  CHECK_FALSE(bench.client.connected());
  bench.say(Welcome{1, "run", 0, {RelayInfo{"eu", "host", 1, 2, {}, {}}}});
  CHECK(bench.client.connected());
  REQUIRE(bench.all<Connected>().size() == 1);
  CHECK(bench.all<Connected>().front().relays.front().id == "eu");
}

TEST_CASE("control client: back within 5 s of a short absence, at most 30 s after a long one") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    Bench bench(seed);
    const auto start = bench.now;
    bench.client.start(bench.now);
    bench.pump();
    auto last = bench.now;
    for (int i = 0; i < 200; ++i) {
      bench.client.handle_closed(bench.now, {ErrorCode::kUnavailable, "refused"});
      bench.pump();
      const auto next = bench.client.next_deadline();
      const auto wait = next - last;
      CHECK(wait <= (next - start < Backoff::kLongAbsence ? Backoff::kSteady : Backoff::kMax));
      CHECK(wait >= Backoff::kFirst / 2);
      bench.now = last = next;
      bench.client.handle_timeout(bench.now);
      bench.pump();
    }
    CHECK(bench.opened == 201);
  }
}

TEST_CASE("control client: a coordinator that neither opens nor answers is left after 10 s") {
  Bench bench;
  bench.client.start(bench.now);
  bench.pump();
  const auto start = bench.now;
  SECTION("no connection") {}
  SECTION("no handshake") {
    bench.client.handle_opened(bench.now);
    bench.pump();
  }
  SECTION("no welcome") { bench.accept(); }
  bench.until(start + 9s);
  CHECK(bench.closed == 0);
  bench.until(start + 10s);
  CHECK(bench.closed == 1);
  REQUIRE(bench.all<Disconnected>().size() == 1);
  CHECK(bench.all<Disconnected>().front().why.code == ErrorCode::kTimeout);
}

TEST_CASE("control client: pings when idle and notices silence within 25 s") {
  Bench bench;
  bench.connect();
  const auto start = bench.now;
  bench.until(start + 11s);
  CHECK(bench.said<Ping>().size() == 1);
  bench.say(Pong{});
  const auto heard = bench.now;
  bench.until(heard + 23s);
  CHECK(bench.client.connected());
  bench.until(heard + 25s);
  CHECK_FALSE(bench.client.connected());
  CHECK(bench.closed == 1);
  CHECK(bench.opened == 2);  // and a new attempt
}

TEST_CASE("control client: puts are sent again until they are answered, in order") {
  Bench bench;
  const auto early = bench.client.put({"early\n"}).value();
  bench.connect();
  const auto late = bench.client.put({"late\n"}).value();
  bench.pump();
  REQUIRE(bench.said<Put>().size() == 2);
  bench.say(Reply{early, {}, {}, {}, {}, 0});
  bench.client.handle_closed(bench.now, {ErrorCode::kUnavailable, "gone"});
  bench.heard.clear();
  bench.until(bench.now + 1s);
  bench.accept();
  CHECK(bench.said<Put>().empty());  // nothing before the welcome
  bench.say(Welcome{1, "run", 0, {}});
  REQUIRE(bench.said<Put>().size() == 1);
  CHECK(bench.said<Put>().front().id == late);
  bench.say(ErrorReply{late, ErrorCode::kStale, "old"});
  const auto answers = bench.all<Answered>();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].request == early);
  CHECK(answers[0].reply.has_value());
  CHECK(answers[1].request == late);
  CHECK(answers[1].reply.error().code == ErrorCode::kStale);
}

TEST_CASE("control client: what waits is bounded in number and in bytes") {
  Bench bench;
  for (std::size_t i = 0; i < kMaxPending; ++i) REQUIRE(bench.client.put({"n\n"}).has_value());
  const auto refused = bench.client.put({"n\n"});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kExhausted);
  Bench big;
  const std::vector<std::string> notes(10, std::string(30'000, 'n'));
  std::size_t taken = 0;
  while (big.client.put(notes)) ++taken;
  CHECK(taken == kMaxPendingBytes / 300'000);
}

TEST_CASE("control client: deltas are applied as steps and resumed by number") {
  Bench bench;
  bench.connect();
  bench.say(Delta{1, true, true, {make_note("a")}, {}});
  CHECK(bench.all<Learned>().empty());  // an incomplete step
  bench.say(Delta{1, true, false, {make_note("b")}, {}});
  REQUIRE(bench.all<Learned>().size() == 2);
  CHECK(bench.all<Learned>()[0].id == id_of("a"));
  CHECK(bench.all<Synced>().size() == 1);
  bench.events.clear();

  bench.say(Delta{2, false, false, {make_note("b", "BBBBBBBB"), make_note("c")}, {id_of("a")}, 1});
  CHECK(bench.all<Learned>().size() == 2);  // b has a new signature
  REQUIRE(bench.all<Dropped>().size() == 1);
  CHECK(bench.all<Dropped>()[0].id == id_of("a"));
  bench.events.clear();

  bench.client.handle_closed(bench.now, {ErrorCode::kUnavailable, "gone"});
  bench.heard.clear();
  bench.until(bench.now + 1s);
  bench.accept();
  REQUIRE(bench.said<Hello>().size() == 1);
  CHECK(bench.said<Hello>()[0].run == "run");
  CHECK(bench.said<Hello>()[0].since == 2);
  bench.say(Welcome{1, "other", 0, {}});
  // The numbers start again: all notes come again, and only differences are news.
  bench.say(Delta{1, true, false, {make_note("c"), make_note("d")}, {}});
  REQUIRE(bench.all<Learned>().size() == 1);
  CHECK(bench.all<Learned>()[0].id == id_of("d"));
  REQUIRE(bench.all<Dropped>().size() == 1);
  CHECK(bench.all<Dropped>()[0].id == id_of("b"));
}

TEST_CASE(
    "control client: it says how far the coordinator's store was, and hands on what it lacks") {
  Bench bench;
  bench.connect();
  bench.say(Delta{5, true, false, {make_note("a")}, {}, 0, 41});
  bench.say(Delta{6, false, false, {make_note("b")}, {}, 5, 40});  // an answer out of order
  bench.client.handle_closed(bench.now, {ErrorCode::kUnavailable, "gone"});
  bench.heard.clear();
  bench.events.clear();
  bench.until(bench.now + 1s);
  bench.accept();
  REQUIRE(bench.said<Hello>().size() == 1);
  CHECK(bench.said<Hello>()[0].stored == 41);
  const RevocationSet set{{}, 2, crypto::sha256(view("x"))};
  bench.say(Welcome{1, "other", 0, {}, 12, 7, {set}, true});
  REQUIRE(bench.all<Connected>().size() == 1);
  CHECK(bench.all<Connected>()[0].audit_next == 7);
  CHECK(bench.all<Connected>()[0].revocations == std::vector{set});
  CHECK(bench.all<Connected>()[0].offer);
}

TEST_CASE("control client: a step that does not follow what it has ends the connection") {
  const std::vector<std::pair<const char*, std::vector<Delta>>> cases = {
      {"one is missing", {Delta{7, false, false, {make_note("b")}, {}, 6}}},
      {"one comes again", {Delta{5, false, false, {make_note("b")}, {}, 4}}},
      {"numbers go back", {Delta{4, false, false, {make_note("b")}, {}, 5}}},
      {"everything, after something", {Delta{6, true, false, {make_note("b")}, {}, 5}}},
      {"everything, without a number", {Delta{0, true, false, {make_note("b")}, {}}}},
      {"two steps mixed",
       {Delta{6, false, true, {make_note("b")}, {}, 5}, Delta{7, false, false, {}, {}, 5}}},
      {"difference in a full step",
       {Delta{6, true, true, {make_note("b")}, {}}, Delta{6, false, false, {}, {}, 5}}}};
  for (const auto& [what, deltas] : cases) {
    INFO(what);
    Bench bench;
    bench.connect();
    bench.say(Delta{5, true, false, {make_note("a")}, {}});
    bench.events.clear();
    for (const auto& delta : deltas) bench.say(delta);
    CHECK_FALSE(bench.client.connected());
    CHECK(bench.all<Learned>().empty());
    CHECK(bench.all<Dropped>().empty());
  }
  Bench fresh;  // a difference without a known base
  fresh.connect();
  fresh.say(Delta{1, false, false, {make_note("a")}, {}, 0});
  CHECK_FALSE(fresh.client.connected());
}

TEST_CASE("control client: a coordinator that is wrong about it is asked for everything") {
  Bench bench;
  bench.connect();
  bench.say(Delta{5, true, false, {make_note("a")}, {}});
  bench.say(Delta{9, false, false, {make_note("b")}, {}, 8});
  bench.heard.clear();
  bench.until(bench.now + 1s);
  bench.accept();
  REQUIRE(bench.said<Hello>().size() == 1);
  CHECK(bench.said<Hello>()[0].since == 0);
}

TEST_CASE("control client: leases and tickets belong to one connection") {
  Bench bench;
  CHECK_FALSE(bench.client.request_ticket("eu").has_value());
  bench.connect();
  const auto lease = bench.client.request_lease({}, {}, {}).value();
  const auto ticket = bench.client.request_ticket("eu").value();
  const auto lost = bench.client.request_ticket("us").value();
  bench.pump();
  bench.say(Ticket{ticket, "eu", "ticket\n"});
  bench.say(Ticket{lease, "eu", "not what was asked\n"});
  bench.say(ErrorReply{lease, ErrorCode::kDenied, "no"});
  bench.client.handle_closed(bench.now, {ErrorCode::kUnavailable, "gone"});
  bench.pump();
  REQUIRE(bench.all<Ticketed>().size() == 2);
  CHECK(bench.all<Ticketed>()[0].note.value() == "ticket\n");
  CHECK(bench.all<Ticketed>()[1].request == lost);
  CHECK(bench.all<Ticketed>()[1].relay == "us");
  CHECK(bench.all<Ticketed>()[1].note.error().code == ErrorCode::kUnavailable);
  REQUIRE(bench.all<Leased>().size() == 1);
  CHECK(bench.all<Leased>()[0].note.error().code == ErrorCode::kDenied);
}

TEST_CASE("control client: proves its keys on every connection, over that channel's hash") {
  SeededRng rng(3);
  std::vector<crypto::SigningKey> keys;
  keys.push_back(crypto::SigningKey::generate(rng));
  Bench bench(1, std::move(keys));
  bench.connect();
  const auto proofs = bench.said<Prove>();
  REQUIRE(proofs.size() == 1);
  CHECK(crypto::verify(proofs[0].key, proof_message(bench.channel->handshake_hash()),
                       proofs[0].signature));
  bench.say(ErrorReply{proofs[0].id, ErrorCode::kDenied, "unknown key"});
  REQUIRE(bench.all<Answered>().size() == 1);
  CHECK(bench.all<Answered>()[0].request == 0);
}

TEST_CASE("control client: nonsense from the coordinator ends the connection, no more") {
  const std::vector<Message> cases = {Welcome{1, "again", 0, {}}, Hello{}, Put{1, {}},
                                      Delta{1, true, false, {"no note"}, {}},
                                      ErrorReply{0, ErrorCode::kDenied, "go away"}};
  for (const auto& message : cases) {
    INFO(encode(message));
    Bench bench;
    bench.connect();
    bench.say(message);
    CHECK_FALSE(bench.client.connected());
    CHECK(bench.closed == 1);
    CHECK(bench.client.next_deadline() < Instant::never());
  }
  Bench bench;
  bench.connect();
  bench.client.handle_message(bench.now, Bytes(100, 1));
  bench.pump();
  CHECK_FALSE(bench.client.connected());
}

TEST_CASE("control client: stopped it stays stopped") {
  Bench bench;
  bench.connect();
  bench.client.stop();
  bench.pump();
  CHECK(bench.closed == 1);
  CHECK(bench.client.next_deadline() == Instant::never());
  bench.client.handle_closed(bench.now, {ErrorCode::kUnavailable, "late"});
  bench.pump();
  CHECK(bench.opened == 1);
  REQUIRE(bench.all<Disconnected>().size() == 1);
  CHECK(bench.all<Disconnected>()[0].retry_at == Instant::never());
}

}  // namespace
}  // namespace culvert::control

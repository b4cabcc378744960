// Attackers that fill rooms or ask without end: strangers, leaked tokens, one laptop, one approver.
#include <catch2/catch.hpp>

#include "coordinator/core/impl.hpp"
#include "proto/core/overloaded.hpp"
#include "tests/coordinator/world_support.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::coordinator::test {
namespace {

// A client that is driven step by step: it can stop anywhere in its login and use any address.
class Stranger {
 public:
  Stranger(World& world, std::uint64_t number, const std::string& from)
      : world_(world),
        id_{1'000'000 + number},
        key_(control::noise::KeyPair::generate(world.rng)),
        channel_(
            control::Channel::initiator(key_.clone(), world.control_key.public_key, world.rng)) {
    world.core->handle_opened(world.now, id_, from);
  }
  void begin() { world_.core->handle_message(world_.now, id_, channel_.start().value()); }
  // Takes the coordinator's effects for this connection; false: the connection was closed.
  bool take(const std::vector<Effect>& effects) {
    for (const auto& effect : effects) {
      const auto to = std::visit([](const auto& e) { return e.connection; }, effect);
      if (to != id_) continue;
      const bool open = std::visit(overloaded{[this](const SendTo& send) {
                                                hear(send.record);
                                                return true;
                                              },
                                              [](const CloseIt&) { return false; }},
                                   effect);
      if (!open) return false;
    }
    return true;
  }
  void say(const control::Message& message) {
    const auto records = channel_.seal(control::encode(message)).value();
    for (const auto& record : records) world_.core->handle_message(world_.now, id_, record);
  }
  bool log_in(const control::Hello& hello = {}) {
    begin();
    if (!turn()) return false;
    say(hello);
    return turn();
  }
  bool prove(const crypto::SigningKey& key) {  // false: refused
    const auto text = control::proof_message(channel_.handshake_hash());
    said_.clear();
    say(control::Prove{1, key.public_key(), key.sign(text)});
    return turn() && heard<control::Reply>();
  }
  bool turn() {
    while (world_.core->next_deadline() == Instant{}) world_.core->handle_timeout(world_.now);
    return take(world_.core->take_effects());
  }
  template <class T>
  bool heard() const {
    for (const auto& message : said_) {
      if (std::holds_alternative<T>(message)) return true;
    }
    return false;
  }
  bool ready() const { return channel_.ready(); }
  const control::noise::KeyPair& key() const { return key_; }
  const std::vector<control::Message>& said() const { return said_; }

 private:
  void hear(const Bytes& record) {
    const auto received = channel_.receive(record);
    if (!received || !received->message) return;
    said_.push_back(control::decode(*received->message).value());
  }

  World& world_;
  ConnectionId id_;
  control::noise::KeyPair key_;
  control::Channel channel_;
  std::vector<control::Message> said_;
};

std::string address(std::size_t number) {
  return "198.51." + std::to_string(number / 250) + "." + std::to_string(1 + number % 250) + ":7";
}

// A hello with the statement of a stranger's device.
control::Hello device_hello(World& world, const Stranger& stranger, NodeKeys& keys) {
  trust::Node node;
  node.kind = trust::NodeKind::kDevice;
  node.vendor_id = world.vendor_id;
  node.name = label("stranger");
  node.identity = keys.identity.public_key();
  node.wireguard = keys.wireguard.public_key;
  node.control = stranger.key().public_key;
  node.relay = keys.relay.public_key;
  node.disco = keys.disco.public_key;
  node.person = person("nobody@nowhere.example");
  node.issued = world.now.wall;
  node.expires = world.now.wall + std::chrono::hours(20);
  const auto note = trust::sign_statement(node, trust::Signer{"stranger", keys.identity}).value();
  control::Hello hello;
  hello.node = note::render(note);
  return hello;
}

std::size_t waiting(World& world, Party& admin, const std::string& name) {
  std::size_t found = 0;
  std::string page;
  for (;;) {
    const auto listed =
        world.answer(admin, admin.client->list(control::ListWhat::kDevices, std::nullopt, page));
    REQUIRE(listed.has_value());
    for (const auto& entry : listed->entries) {
      const auto node = trust::Node::parse(note::parse(entry.note).value().text).value();
      if (entry.state == "WAITING" && node.name.str() == name) ++found;
    }
    if (!listed->page) return found;
    page = *listed->page;
  }
}

TEST_CASE("sources: an IPv4 address, the /64 of an IPv6 address, or the name") {
  CHECK(source_of("203.0.113.9:1000") == source_of("203.0.113.9:2000"));
  CHECK(source_of("203.0.113.9:1000") != source_of("203.0.113.10:1000"));
  CHECK(source_of("[2001:db8:1:2:3::4]:1") == source_of("[2001:db8:1:2:ffff::1]:9"));
  CHECK(source_of("2001:db8:1:2:3::4") == source_of("[2001:db8:1:2::]:9"));
  CHECK(source_of("[2001:db8:1:2::1]:1") != source_of("[2001:db8:1:3::1]:1"));
  CHECK(source_of("relay-7") == "relay-7");
}

TEST_CASE("sources: only a listed proxy says who is behind it") {
  const auto at = [](const char* text) { return parse_address(text).value(); };
  const std::set<IpAddress> proxies = {at("10.0.0.5"), at("10.0.0.6")};
  CHECK(client_hop(at("203.0.113.9"), "1.2.3.4", proxies) == at("203.0.113.9"));
  CHECK(client_hop(at("10.0.0.5"), "1.2.3.4", proxies) == at("1.2.3.4"));
  // The addresses that the client itself wrote come before the address that the proxy saw.
  CHECK(client_hop(at("10.0.0.5"), "9.9.9.9, 1.2.3.4", proxies) == at("1.2.3.4"));
  CHECK(client_hop(at("10.0.0.5"), "9.9.9.9, 1.2.3.4 ,10.0.0.6", proxies) == at("1.2.3.4"));
  CHECK(client_hop(at("10.0.0.5"), "9.9.9.9, rubbish, 10.0.0.6", proxies) == at("10.0.0.6"));
  CHECK(client_hop(at("10.0.0.5"), "", proxies) == at("10.0.0.5"));
  CHECK(client_hop(at("10.0.0.5"), "2001:db8::1", proxies) == at("2001:db8::1"));
}

TEST_CASE("pool: the fullest owner loses a random entry, and no other owner loses any") {
  SeededRng rng(5);
  Pool<int> pool;
  for (int i = 0; i < 100; ++i) pool.add("flood", i);
  for (int i = 100; i < 110; ++i) pool.add("office", i);
  std::set<int> gone;
  while (pool.count("flood") > 10) {
    const int victim = pool.any_of_fullest(rng);
    CHECK(victim < 100);
    gone.insert(victim);
    pool.remove(victim);
  }
  CHECK(gone.size() == 90);
  CHECK(*gone.rbegin() > 50);
  CHECK(pool.count("office") == 10);
  // Of equally full owners a random one loses, whatever the names are.
  std::set<std::string> hit;
  for (int i = 0; i < 40; ++i) hit.insert(pool.any_of_fullest(rng) < 100 ? "flood" : "office");
  CHECK(hit.size() == 2);
  pool.add("flood", 105);  // item 105 changes its owner
  CHECK(pool.count("office") == 9);
  CHECK(pool.size() == 20);
}

TEST_CASE("rates: a burst, then one after the other; each owner for himself") {
  Rates rates("things", 4, 10s);
  const Instant start{1'000'000'000};
  for (int i = 0; i < 4; ++i) CHECK(rates.take(start, "a", 1));
  const auto refused = rates.take(start, "a", 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kExhausted);
  CHECK(refused.error().message.find("things") != std::string::npos);
  CHECK(rates.take(start, "b", 4));
  CHECK_FALSE(rates.take(start + 9s, "a", 1));
  CHECK(rates.take(start + 10s, "a", 1));
  CHECK_FALSE(rates.take(start + 10s, "a", 1));
  CHECK(rates.take(start + 100s, "a", 4));
  for (std::size_t i = 0; i < kMaxRated + 100; ++i) {
    REQUIRE(rates.take(start + 100s, "stranger " + std::to_string(i), 4));
  }
  CHECK(rates.size() <= kMaxRated);
}

TEST_CASE("crowd: strangers take their own room only, however they come and whatever they say") {
  World world;
  auto& site = world.add_site("acme.byoc.example.com");
  auto& agent = world.agent(site, "cluster-1");
  auto& carol = world.person_with(world.vendor_approver);
  const auto most = kRoomSizes[static_cast<std::size_t>(Room::kUnproven)];
  const bool many_sources = GENERATE(false, true);
  const bool talk = GENERATE(false, true);
  std::deque<Stranger> crowd;
  for (std::size_t i = 0; i < most + 300; ++i) {
    crowd.emplace_back(world, i, many_sources ? address(i) : "203.0.113.9:5");
    if (talk) (void)crowd.back().log_in();
  }
  (void)world.core->take_effects();
  CHECK(world.core->counters().unproven == most);
  CHECK(agent.client->connected());
  CHECK(carol.client->connected());
  auto& late = world.device("late-laptop", "late@vendor.example");
  CHECK(late.client->connected());
  auto& bob = world.person_with(site.approver);
  CHECK(world.answer(bob, bob.client->list(control::ListWhat::kRequests, {})).has_value());
  world.pass(5s);
  CHECK(agent.client->connected());
  CHECK(bob.client->connected());
}

TEST_CASE("crowd: connected nodes take no room from approvers, and one key not from others") {
  World world;
  auto& site = world.add_site("acme.byoc.example.com");
  Rooms rooms;
  SeededRng rng(1);
  const auto nodes = kRoomSizes[static_cast<std::size_t>(Room::kNodes)];
  std::uint64_t next = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK_FALSE(rooms.enter(Room::kNodes, "site small", ConnectionId{++next}, rng));
  }
  for (std::size_t i = 20; i < nodes; ++i) {
    CHECK_FALSE(rooms.enter(Room::kNodes, "site leaked", ConnectionId{++next}, rng));
  }
  for (int i = 0; i < 100; ++i) {  // the fullest site loses its own entries
    const auto leaves = rooms.enter(Room::kNodes, "site small", ConnectionId{++next}, rng);
    REQUIRE(leaves.has_value());
    CHECK(leaves->value > 20);
    CHECK(leaves->value <= nodes);
  }
  CHECK_FALSE(rooms.enter(Room::kPersons, "bob", ConnectionId{++next}, rng));

  // Bob opens connections without end: Bob loses connections, Carol keeps hers.
  auto& carol = world.person_with(world.vendor_approver);
  for (std::size_t i = 0; i < 3 * kMaxConnectionsOfKey; ++i) world.person_with(site.approver);
  std::size_t bobs = 0;
  for (auto& party : world.parties) {
    if (party.name == site.approver.who.str() && party.client->connected()) ++bobs;
  }
  CHECK(bobs == kMaxConnectionsOfKey);
  CHECK(carol.client->connected());
}

TEST_CASE("crowd: devices that wait are eight a source, one an identity, and come again") {
  World world;
  auto& admin = world.person_with(world.admission);
  auto& alice = world.device("alice-laptop", "alice@vendor.example", false);
  REQUIRE(waiting(world, admin, "alice-laptop") == 1);
  // One source with hundreds of made-up devices.
  std::deque<Stranger> crowd;
  for (std::size_t i = 0; i < 300; ++i) {
    NodeKeys keys(world.rng);
    crowd.emplace_back(world, i, "203.0.113.9:5");
    REQUIRE(crowd.back().log_in(device_hello(world, crowd.back(), keys)));
  }
  CHECK(waiting(world, admin, "stranger") == kMaxWaitingOfSource);
  CHECK(waiting(world, admin, "alice-laptop") == 1);
  // Hundreds of sources: a device may lose its place, and gets a place back by a new offer.
  for (std::size_t i = 0; i < 400; ++i) {
    NodeKeys keys(world.rng);
    crowd.emplace_back(world, 1000 + i, address(i));
    REQUIRE(crowd.back().log_in(device_hello(world, crowd.back(), keys)));
  }
  CHECK(world.core->counters().waiting_devices == kMaxWaitingDevices);
  const auto own = note::render(
      trust::sign_statement(alice.node, trust::Signer{alice.name, alice.keys->identity}).value());
  REQUIRE(world.put(alice, own));
  CHECK(waiting(world, admin, "alice-laptop") == 1);
  // One identity, offered again and again, takes one place.
  NodeKeys keys(world.rng);
  Stranger one(world, 5000, "203.0.113.77:5");
  const auto before = waiting(world, admin, "stranger");
  REQUIRE(one.log_in(device_hello(world, one, keys)));
  for (int i = 0; i < 10; ++i) {
    one.say(control::Put{static_cast<control::RequestId>(i) + 1,
                         {*device_hello(world, one, keys).node}});
    REQUIRE(one.turn());
  }
  CHECK(waiting(world, admin, "stranger") <= before + 1);
}

TEST_CASE("crowd: an office of 200 laptops behind one address comes in while strangers knock") {
  World world;
  std::deque<Stranger> crowd;
  for (std::size_t i = 0; i < 2000; ++i) crowd.emplace_back(world, i, address(i % 9));
  (void)world.core->take_effects();
  for (auto& one : crowd) one.begin();
  std::size_t connected = 0;
  for (int i = 0; i < 200; ++i) {
    auto& laptop = world.device("laptop-" + std::to_string(i), "office@vendor.example");
    laptop.name = "192.0.2.1:" + std::to_string(1000 + i);
    if (laptop.client->connected()) ++connected;
  }
  CHECK(connected == 200);
  world.restart();  // all clients come back at once, from one address
  for (std::size_t i = 0; i < 2000; ++i) crowd.emplace_back(world, 5000 + i, address(i % 9));
  world.pass(9s);
  std::size_t again = 0;
  for (auto& party : world.parties) {
    if (party.keys && party.client->connected()) ++again;
  }
  CHECK(again == 200);
}

TEST_CASE(
    "crowd: of a storm of logins the newest are served, and what was abandoned costs nothing") {
  World world;
  std::deque<Stranger> storm;
  for (std::size_t i = 0; i < 600; ++i) {
    storm.emplace_back(world, i, address(i));
    storm.back().begin();
  }
  // One turn of the loop serves few logins, the newest first.
  world.core->handle_timeout(world.now);
  const auto effects = world.core->take_effects();
  CHECK(effects.size() == kLoginsAtOnce);
  for (std::size_t i = 0; i < storm.size(); ++i) {
    storm[i].take(effects);
    CHECK(storm[i].ready() == (i >= storm.size() - kLoginsAtOnce));
  }
  // The other clients have given up by now: they are not served, and a new client is served at
  // once.
  world.now = {world.now.steady + kHelloTimeout, world.now.wall + std::chrono::seconds(10)};
  Stranger fresh(world, 9000, "203.0.113.9:5");
  fresh.begin();
  world.core->handle_timeout(world.now);
  const auto after = world.core->take_effects();
  REQUIRE(fresh.take(after));
  CHECK(fresh.ready());
  for (const auto& effect : after) {
    const auto* send = std::get_if<SendTo>(&effect);
    CHECK((send == nullptr || send->connection.value == 1'009'000));
  }
}

TEST_CASE("crowd: bytes of logins that never end are bounded, for one and for all together") {
  World world;
  Stranger greedy(world, 1, "203.0.113.9:5");
  greedy.begin();
  REQUIRE(greedy.turn());
  bool open = true;
  for (int i = 0; i < 20 && open; ++i) {
    world.core->handle_message(world.now, ConnectionId{1'000'001}, Bytes(60'000, 7));
    open = greedy.take(world.core->take_effects());
  }
  CHECK_FALSE(open);
  std::size_t closed = 0;
  for (std::uint64_t i = 2; i < 702; ++i) {  // each connection stays below its own bound
    const ConnectionId id{1'000'000 + i};
    world.core->handle_opened(world.now, id, address(i));
    world.core->handle_message(world.now, id, Bytes(60'000, 7));
    for (const auto& effect : world.core->take_effects()) {
      if (std::holds_alternative<CloseIt>(effect)) ++closed;
    }
  }
  CHECK(closed > 100);
}

TEST_CASE("crowd: one source's unfinished hellos give way to each other, not to another's") {
  World world;
  const auto open = [&](std::uint64_t number, const std::string& from, std::size_t bytes) {
    world.core->handle_opened(world.now, ConnectionId{1'000'000 + number}, from);
    world.core->handle_message(world.now, ConnectionId{1'000'000 + number}, Bytes(bytes, 7));
  };
  open(0, "198.51.100.1:5", 65'000);  // holds the most bytes
  for (std::uint64_t i = 1; i < 900; ++i) {
    open(i, "203.0.113.9:" + std::to_string(i), 60'000);
  }
  std::size_t closed = 0;
  for (const auto& effect : world.core->take_effects()) {
    const auto* close = std::get_if<CloseIt>(&effect);
    if (close == nullptr) continue;
    ++closed;
    CHECK(close->connection != ConnectionId{1'000'000});
  }
  CHECK(closed > 300);
}

TEST_CASE("crowd: a hello is 64 KiB at most, and an agent comes in without its long policy") {
  World world;
  auto& site = world.add_site("acme.byoc.example.com");
  auto policy = trust::Policy::parse(note::parse(site.policy_note)->text).value();
  for (int i = 0; i < 900; ++i) {
    const auto name = fqdn("s" + std::to_string(1000 + i) + ".acme.byoc.example.com");
    policy.services.push_back(
        trust::PolicyService::of(name, trust::Protocol::kTcp, 443, label("cluster")));
    policy.allows.push_back(
        {name, label("engineers"), std::chrono::hours(1), 1, 1, std::string(trust::kScopeConnect)});
  }
  site.policy_note = note::render(*trust::sign_statement(policy, site.root.signer()));
  site.policy = note::hash(note::parse(site.policy_note).value());
  REQUIRE(site.policy_note.size() > 100'000);
  auto& bob = world.person_with(site.approver);
  REQUIRE(world.put(bob, site.policy_note));
  auto& agent = world.agent(site, "agent");
  CHECK(agent.client->connected());
  CHECK(agent.hears(site.policy_note));
  // A connection that sends more than this before its proof is closed.
  Stranger stranger(world, 1, "203.0.113.9:5");
  control::Hello hello;
  hello.node = std::string(60'000, 'x');
  CHECK_FALSE(stranger.log_in(hello));  // refused for its content
  CHECK(stranger.heard<control::ErrorReply>());
  Stranger longer(world, 2, "203.0.113.9:6");
  hello.node = std::string(66'000, 'x');
  CHECK_FALSE(longer.log_in(hello));
  CHECK_FALSE(longer.heard<control::ErrorReply>());
}

TEST_CASE("crowd: until somebody proves who they are, 64 KiB are a message's limit") {
  World world;
  Stranger stranger(world, 1, "203.0.113.9:5");
  REQUIRE(stranger.log_in());
  stranger.say(control::Put{1, {std::string(60'000, 'x')}});
  REQUIRE(stranger.turn());  // refused, but the connection stays
  CHECK(stranger.heard<control::ErrorReply>());
  stranger.say(control::Put{2, {std::string(70'000, 'x')}});
  CHECK_FALSE(stranger.turn());
  Stranger approver(world, 2, "203.0.113.9:6");
  REQUIRE(approver.log_in());
  REQUIRE(approver.prove(world.vendor_approver.key));
  approver.say(control::Put{2, {std::string(70'000, 'x')}});
  CHECK(approver.turn());
}

TEST_CASE("crowd: a device that asks without end is told to wait, and others go on") {
  World world;
  auto& site = world.add_site("acme.byoc.example.com");
  world.agent(site, "cluster-1");
  auto& busy = world.device("busy-laptop", "busy@vendor.example");
  auto& calm = world.device("calm-laptop", "calm@vendor.example");
  std::size_t taken = 0;
  ErrorCode refused = ErrorCode::kInternal;
  for (int i = 0; i < 200; ++i) {  // five a second, each withdrawn at once
    const auto note = world.request(busy, site);
    const auto done = world.put(busy, note);
    if (done) ++taken;
    if (!done) refused = done.error().code;
    if (done) {
      const auto grant = trust::Grant::parse(note::parse(note).value().text).value();
      const auto withdrawn = trust::revoke_grant(grant, world.vendor_id, "no", world.now.wall,
                                                 trust::Signer{busy.name, busy.keys->identity});
      REQUIRE(world.put(busy, note::render(withdrawn.value())));
    }
    world.pass(200ms);
  }
  CHECK(refused == ErrorCode::kExhausted);
  CHECK(taken <= 32 + 200 / 25 + 1);
  CHECK(world.put(calm, world.request(calm, site)).has_value());
  // The same bound for questions.
  std::size_t answers = 0;
  for (int i = 0; i < 1000; ++i) {
    if (world.answer(busy, busy.client->site_info("acme.byoc.example.com"))) ++answers;
  }
  CHECK(answers <= 257);
  CHECK(answers > 100);
  CHECK(world.answer(calm, calm.client->site_info("acme.byoc.example.com")));
  CHECK(world.core->counters().refused_rates > 500);
  world.pass(60s);
  CHECK(world.answer(busy, busy.client->site_info("acme.byoc.example.com")));
}

TEST_CASE("crowd: one connection is no way around the rate, nor are many") {
  World world;
  world.add_site("acme.byoc.example.com");
  std::size_t answered = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {  // charged to the stranger's source
    Stranger one(world, i, "203.0.113.9:" + std::to_string(i));
    REQUIRE(one.log_in());
    for (control::RequestId question = 1; question <= 100; ++question) {
      one.say(control::SiteInfo{question, "acme.byoc.example.com"});
    }
    REQUIRE(one.turn());
    for (const auto& message : one.said()) {
      const auto* error = std::get_if<control::ErrorReply>(&message);
      if (error != nullptr && error->code == ErrorCode::kNotFound) ++answered;
    }
  }
  CHECK(answered <= 256);
}

TEST_CASE(
    "crowd: who empties a source's bucket keeps no person of that source from proving a key") {
  World world;
  world.add_site("acme.byoc.example.com");
  const std::string office = "203.0.113.9:";
  Stranger stranger(world, 1, office + "1");
  REQUIRE(stranger.log_in());
  for (control::RequestId question = 1; question <= 1000; ++question) {
    stranger.say(control::SiteInfo{question, "acme.byoc.example.com"});
  }
  REQUIRE(stranger.turn());
  REQUIRE(world.core->counters().refused_rates > 0);

  Stranger approver(world, 2, office + "2");
  REQUIRE(approver.log_in());
  CHECK(approver.prove(world.vendor_approver.key));

  // A connection may hand in a number of wrong proofs; after that even a right proof is refused.
  Stranger guesser(world, 3, office + "3");
  REQUIRE(guesser.log_in());
  SeededRng rng(7);
  for (std::size_t i = 0; i < kMaxProofs; ++i) {
    CHECK_FALSE(guesser.prove(crypto::SigningKey::generate(rng)));
  }
  CHECK_FALSE(guesser.prove(world.vendor_approver.key));
}

TEST_CASE("hello: a later client is welcome as long as it speaks this version too") {
  World world;
  const auto said = [&](control::Versions versions, std::uint64_t number) {
    Stranger one(world, number, "203.0.113.9:5");
    control::Hello hello;
    hello.version = versions;
    const bool open = one.log_in(hello);  // a statement of its own: arguments have no order
    return std::pair(open, one.heard<control::Welcome>());
  };
  CHECK(said({1, 1}, 1) == std::pair(true, true));
  CHECK(said({1, 7}, 2) == std::pair(true, true));
  CHECK(said({0, 1}, 3) == std::pair(true, true));
  CHECK(said({2, 7}, 4) == std::pair(false, false));
  CHECK(said({0, 0}, 5) == std::pair(false, false));
}

}  // namespace
}  // namespace culvert::coordinator::test

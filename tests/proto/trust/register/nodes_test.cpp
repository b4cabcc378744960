// Attackers with a copied token or a copied key, and the honest agent beside them.
#include <catch2/catch.hpp>

#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

constexpr std::chrono::hours kDay{24};

// An agent made from a token: its enrolment, its enrolled note, and its own statement.
struct Made {
  crypto::SigningKey identity, one_time;
  Enrolment enrolment;
  note::Note enrolment_note, enrolled_note, node_note;
  Node node;

  std::vector<note::Note> notes() const { return {enrolment_note, enrolled_note, node_note}; }
};

note::Note enrol(const Made& made, const Label& name, const crypto::SigningKey& identity,
                 WallTime issued) {
  const Enrolled enrolled{made.enrolment.site, note::hash(made.enrolment_note),
                          identity.public_key(), name, issued};
  const std::vector<Signer> by = {{name.str(), identity}, {"one-time", made.one_time}};
  return must(sign_statement(enrolled, by));
}

// A node statement of the identity that `enrolled_note` enrolled.
Node state_of(World& w, const note::Note& enrolled_note, const std::vector<Label>& tags) {
  const auto enrolled = must(Enrolled::parse(enrolled_note.text));
  Node node = w.agent;
  node.name = enrolled.name;
  node.identity = enrolled.identity;
  node.enrolled = note::hash(enrolled_note);
  node.wireguard = x25519<crypto::WireGuardKey>(w.rng);
  node.control = x25519<crypto::ControlKey>(w.rng);
  node.relay = x25519<crypto::RelayKey>(w.rng);
  node.disco = x25519<crypto::DiscoKey>(w.rng);
  node.tags = tags;
  node.issued = w.now.wall;
  node.expires = w.now.wall + kMaxAgentLife;
  return node;
}

note::Note sign_node(const Node& node, const crypto::SigningKey& key) {
  return must(sign_statement(node, Signer{node.name.str(), key}));
}

Made make(World& w, const std::function<void(Enrolment&)>& edit) {
  Made out{crypto::SigningKey::generate(w.rng),
           crypto::SigningKey::generate(w.rng),
           w.enrolment,
           {},
           {},
           {},
           {}};
  out.enrolment.key = out.one_time.public_key();
  out.enrolment.not_before = w.now.wall;
  out.enrolment.not_after = w.now.wall + kEnrolmentLength;
  out.enrolment.renew_until = w.now.wall + kYear;
  edit(out.enrolment);
  out.enrolment_note = must(sign_statement(out.enrolment, Signer{"bob@acme.example", w.enroller}));
  const auto name =
      out.enrolment.nodes == 1 ? out.enrolment.name : label(out.enrolment.name.str() + "-0");
  out.enrolled_note = enrol(out, name, out.identity, w.now.wall);
  out.node = state_of(w, out.enrolled_note, out.enrolment.tags);
  out.node_note = sign_node(out.node, out.identity);
  return out;
}

void take(Evidence& evidence, const Made& made, Now now) {
  for (const auto& note : made.notes()) must(evidence.offer(now, note));
}

std::size_t count(const Evidence& evidence, AlarmKind kind) {
  const auto all = evidence.alarms();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const Alarm& a) { return a.kind == kind; }));
}

}  // namespace

TEST_CASE("agents renew themselves for as long as their enrolment says, and no longer") {
  World w;
  auto evidence = w.agent_evidence();
  auto node = w.agent;
  for (int month = 1; month <= 24; ++month) {
    w.pass(kDay * 15);
    ++node.serial;
    node.issued = w.now.wall;
    node.expires = w.now.wall + kMaxAgentLife;
    must(evidence.offer(w.now, w.sign_agent(node)));
    CHECK(evidence.node(w.now, w.agent.identity) != nullptr);
  }
  w.pass(kDay * 6);  // day 366
  ++node.serial;
  node.issued = w.now.wall;
  node.expires = w.now.wall + kMaxAgentLife;
  CHECK(refusal(evidence, w.sign_agent(node), w.now) == ErrorCode::kUnverified);
  w.pass(kDay * 30);
  CHECK(evidence.node(w.now, w.agent.identity) == nullptr);
}

TEST_CASE("attack: a copied agent token enrols nobody after its agent") {
  World w;
  auto evidence = w.agent_evidence();
  const auto thief = crypto::SigningKey::generate(w.rng);
  const auto own = [&](const Label& name) {
    const Enrolled enrolled{w.site, note::hash(w.enrolment_note), thief.public_key(), name,
                            w.now.wall};
    const std::vector<Signer> by = {{"thief", thief}, {"one-time", w.one_time}};
    return must(sign_statement(enrolled, by));
  };
  CHECK(refusal(evidence, own(w.agent.name), w.now) == ErrorCode::kExhausted);
  CHECK(refusal(evidence, own(label("thief")), w.now) == ErrorCode::kUnverified);
  CHECK(count(evidence, AlarmKind::kEnrolment) == 1);
  // The same when only the floors are left, and when the agent's own place has long ended.
  auto again = w.agent_evidence(evidence.floors());
  CHECK(refusal(again, own(w.agent.name), w.now) == ErrorCode::kExhausted);
  CHECK(again.node(w.now, w.agent.identity) != nullptr);
}

TEST_CASE("attack: whoever used a copied token first is seen, and replaced by name") {
  World w;
  auto evidence = w.agent_evidence();
  auto thief = make(w, [](Enrolment& e) { e.name = label("cluster-2"); });
  const auto before = evidence.alarms_raised();
  take(evidence, thief, w.now);
  CHECK(evidence.alarms_raised() == before + 1);  // a new node raises an alarm
  CHECK(evidence.alarms().back().kind == AlarmKind::kNewNode);
  CHECK(evidence.holder(w.site.id, label("cluster-2")) == thief.identity.public_key());

  const auto late = crypto::SigningKey::generate(w.rng);
  CHECK(refusal(evidence, enrol(thief, label("cluster-2"), late, w.now.wall), w.now) ==
        ErrorCode::kExhausted);
  auto rival = make(w, [](Enrolment& e) { e.name = label("cluster-2"); });
  must(evidence.offer(w.now, rival.enrolment_note));
  CHECK(refusal(evidence, rival.enrolled_note, w.now) == ErrorCode::kConflict);
  CHECK(count(evidence, AlarmKind::kName) == 1);

  auto honest = make(w, [&](Enrolment& e) {
    e.name = label("cluster-2");
    e.replaces = thief.identity.public_key();
  });
  must(evidence.offer(w.now, honest.enrolment_note));
  // The token was not used before.
  CHECK(evidence.node(w.now, thief.identity.public_key()) != nullptr);
  must(evidence.offer(w.now, honest.enrolled_note));
  CHECK(evidence.node(w.now, thief.identity.public_key()) == nullptr);
  must(evidence.offer(w.now, honest.node_note));
  CHECK(evidence.holder(w.site.id, label("cluster-2")) == honest.identity.public_key());

  // The end is final: against a newer statement, the old notes again, and a restart.
  auto next = thief.node;
  next.serial = 9;
  CHECK(refusal(evidence, sign_node(next, thief.identity), w.now) == ErrorCode::kDenied);
  auto restarted = w.agent_evidence(evidence.floors());
  CHECK(refusal(restarted, thief.enrolment_note, w.now) == std::nullopt);
  CHECK(refusal(restarted, thief.enrolled_note, w.now) == ErrorCode::kDenied);
  take(restarted, honest, w.now);
}

TEST_CASE("a pod that lost its disk comes back under its name") {
  World w;
  auto evidence = w.agent_evidence();
  auto set = make(w, [](Enrolment& e) {
    e.name = label("pod");
    e.nodes = 3;
  });
  take(evidence, set, w.now);
  const auto second = crypto::SigningKey::generate(w.rng);
  const auto third = crypto::SigningKey::generate(w.rng);
  const auto fourth = crypto::SigningKey::generate(w.rng);
  CHECK(refusal(evidence, enrol(set, label("pod-0"), second, w.now.wall), w.now) ==
        ErrorCode::kConflict);  // another replica has the name
  CHECK_FALSE(refusal(evidence, enrol(set, label("pod-1"), second, w.now.wall), w.now));
  CHECK_FALSE(refusal(evidence, enrol(set, label("pod-2"), third, w.now.wall), w.now));
  CHECK(refusal(evidence, enrol(set, label("pod-1"), fourth, w.now.wall), w.now) ==
        ErrorCode::kExhausted);

  auto back = make(w, [&](Enrolment& e) {
    e.name = label("pod-1");
    e.replaces = second.public_key();
  });
  take(evidence, back, w.now);
  CHECK(evidence.holder(w.site.id, label("pod-1")) == back.identity.public_key());
  // The identity's place under the first token does not become free.
  CHECK(refusal(evidence, enrol(set, label("pod-1"), fourth, w.now.wall), w.now) ==
        ErrorCode::kExhausted);
}

TEST_CASE("replaces: the same name and no new tags, or nothing") {
  World w;
  auto evidence = w.agent_evidence();
  const auto replacing = [&](const std::function<void(Enrolment&)>& edit) {
    auto made = make(w, [&](Enrolment& e) {
      e.replaces = w.agent.identity;
      edit(e);
    });
    must(evidence.offer(w.now, made.enrolment_note));
    return refusal(evidence, made.enrolled_note, w.now);
  };
  CHECK(replacing([](Enrolment& e) { e.name = label("other"); }) == ErrorCode::kConflict);
  CHECK(replacing([](Enrolment& e) { e.tags = {label("admin")}; }) == ErrorCode::kConflict);
  CHECK(evidence.node(w.now, w.agent.identity) != nullptr);
  CHECK_FALSE(replacing([](Enrolment& e) { e.tags = {label("cluster")}; }));
  CHECK(evidence.node(w.now, w.agent.identity) == nullptr);
}

TEST_CASE("of two with one name in one step, the earlier enrolment's keeps it") {
  World w;
  auto first = make(w, [](Enrolment& e) { e.name = label("twin"); });
  w.pass(seconds{60});
  auto second = make(w, [](Enrolment& e) { e.name = label("twin"); });
  for (const bool backwards : {false, true}) {
    auto notes = first.notes();
    for (const auto& note : second.notes()) notes.push_back(note);
    if (backwards) std::reverse(notes.begin(), notes.end());
    auto evidence = w.agent_evidence();
    (void)evidence.offer_all(w.now, notes);
    CHECK(evidence.holder(w.site.id, label("twin")) == first.identity.public_key());
    CHECK(evidence.node(w.now, first.identity.public_key()) != nullptr);
    CHECK(evidence.node(w.now, second.identity.public_key()) == nullptr);
  }
}

TEST_CASE("attack: each of a node's five keys stays with the first identity that had it") {
  World w;
  auto evidence = w.agent_evidence();
  auto copycat = make(w, [](Enrolment& e) { e.name = label("copycat"); });
  must(evidence.offer(w.now, copycat.enrolment_note));
  must(evidence.offer(w.now, copycat.enrolled_note));
  const std::vector<std::function<void(Node&, const Node&)>> copies = {
      [](Node& n, const Node& of) { n.wireguard = of.wireguard; },
      [](Node& n, const Node& of) { n.control = of.control; },
      [](Node& n, const Node& of) { n.relay = of.relay; },
      [](Node& n, const Node& of) { n.disco = of.disco; },
      [](Node& n, const Node& of) { n.disco = {of.wireguard.bytes}; },
      [](Node& n, const Node& of) { n.relay = {of.identity.bytes}; }};
  for (const auto& victim : {w.agent, w.laptop}) {
    for (const auto& copy : copies) {
      auto node = copycat.node;
      copy(node, victim);
      CHECK(refusal(evidence, sign_node(node, copycat.identity), w.now) == ErrorCode::kConflict);
      auto restarted = w.agent_evidence(evidence.floors());
      must(restarted.offer(w.now, copycat.enrolment_note));
      must(restarted.offer(w.now, copycat.enrolled_note));
      CHECK(refusal(restarted, sign_node(node, copycat.identity), w.now) == ErrorCode::kConflict);
    }
  }
  CHECK(count(evidence, AlarmKind::kKey) == 8);  // four keys for each victim
  must(evidence.offer(w.now, copycat.node_note));
}

TEST_CASE("attack: alarms are bounded, each kind and each site by itself") {
  World w;
  auto evidence = w.agent_evidence();
  for (int i = 0; i < 100; ++i) {
    const auto thief = crypto::SigningKey::generate(w.rng);
    const Enrolled enrolled{w.site, note::hash(w.enrolment_note), thief.public_key(), w.agent.name,
                            w.now.wall};
    const std::vector<Signer> by = {{"thief", thief}, {"one-time", w.one_time}};
    const auto note = must(sign_statement(enrolled, by));
    CHECK(refusal(evidence, note, w.now) == ErrorCode::kExhausted);
    CHECK(refusal(evidence, note, w.now) == ErrorCode::kExhausted);  // no second alarm
  }
  CHECK(count(evidence, AlarmKind::kEnrolment) == kMaxAlarms);
  CHECK(count(evidence, AlarmKind::kNewNode) == 1);
  CHECK(evidence.alarms_raised() == 101);
}

TEST_CASE("a held-back newer device statement: what was seen once is not undone") {
  World w;
  auto site = w.agent_evidence();  // has seen serial 1 with the group
  auto fewer = w.laptop;
  fewer.serial = 2;
  fewer.groups = {label("interns")};
  const auto newer = w.sign_laptop(fewer);
  const auto grant = w.approved();
  must(site.offer(w.now, grant));
  CHECK(is_live(site, id_of(grant), w.now));
  // Newer statement withheld: the older statement counts until its end.
  auto kept_dark = w.agent_evidence();
  w.pass(kDefaultDeviceLife);
  CHECK(kept_dark.node(w.now, w.laptop.identity) == nullptr);
  w.now = World().now;
  // Newer statement seen: the older statement never counts again, also after a restart.
  must(site.offer(w.now, newer));
  CHECK_FALSE(is_live(site, id_of(grant), w.now));
  CHECK(refusal(site, w.laptop_note, w.now) == ErrorCode::kStale);
  Evidence restarted({note::hash(w.site1_note), {}, false}, site.floors());
  (void)restarted.offer_all(w.now, w.everything());
  CHECK(restarted.node(w.now, w.laptop.identity) == nullptr);
}

TEST_CASE("an office of 200 laptops: each has its place, and none is another's") {
  World w;
  auto evidence = w.observer_evidence();
  std::vector<Node> office;
  for (int i = 0; i < 200; ++i) {
    const auto key = crypto::SigningKey::generate(w.rng);
    auto node = state_of(w, w.enrolled_note, {});
    node.kind = NodeKind::kDevice;
    node.site = {};
    node.enrolled = {};
    node.vendor_id = w.vendor_id;
    node.name = label("laptop-" + std::to_string(i));
    node.identity = key.public_key();
    node.person = person("p" + std::to_string(i) + "@vendor.example");
    node.groups = {label("engineers")};
    node.expires = w.now.wall + kDefaultDeviceLife;
    const std::vector<Signer> by = {{node.name.str(), key}, {"admission", w.admission}};
    must(evidence.offer(w.now, must(sign_statement(node, by))));
    office.push_back(node);
  }
  for (const auto& node : office) {
    REQUIRE(evidence.node(w.now, node.identity) != nullptr);
    CHECK(*evidence.node(w.now, node.identity) == node);
  }
  CHECK(evidence.node(w.now, w.agent.identity) != nullptr);
}

TEST_CASE("a device's life is the vendor's to bound") {
  World w;
  auto evidence = w.agent_evidence();
  auto node = w.laptop;
  node.serial = 2;
  node.expires = node.issued + kDefaultDeviceLife + seconds{1};
  CHECK(refusal(evidence, w.sign_laptop(node), w.now) == ErrorCode::kUnverified);
}

// Suspended keys, forks, and keys that leave in two epochs.
#include <catch2/catch.hpp>

#include "proto/trust/register/chain.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

note::Note suspension(World& w, const crypto::SigningKey& key, std::vector<Hash> roots) {
  return must(suspend_key(std::move(roots), w.vendor_id, "stolen", w.now.wall, Signer{"x", key}));
}
note::Note suspension(World& w, const crypto::SigningKey& key) {
  return suspension(w, key, {note::hash(w.vendor2_note), note::hash(w.site1_note)});
}

Root parsed(const note::Note& note) { return must(Root::parse(note.text)); }

void swap_key(Root& root, const crypto::SigningKey& out, const crypto::SigningKey& in) {
  for (auto& key : root.keys) {
    if (key.key == out.public_key()) key.key = in.public_key();
  }
}

void add_root_person(Root& root, const char* who, const crypto::SigningKey& key) {
  root.keys.push_back({Group::kRoot, person(who), key.public_key()});
}

// A vendor whose root needs one of two persons, or both, from epoch 3 on.
struct TwoPersons {
  World w;
  crypto::SigningKey second = crypto::SigningKey::generate(w.rng);
  note::Note root3;

  explicit TwoPersons(std::uint32_t threshold) {
    root3 = w.step(
        w.vendor2, w.vendor2_note,
        [&](Root& r) {
          add_root_person(r, "rita@vendor.example", second);
          r.root_threshold = threshold;
        },
        threshold == 1 ? std::vector<const crypto::SigningKey*>{&w.vendor_root}
                       : std::vector<const crypto::SigningKey*>{&w.vendor_root, &second});
  }
  note::Note step(const std::function<void(Root&)>& edit,
                  std::vector<const crypto::SigningKey*> by) {
    return w.step(parsed(root3), root3, edit, std::move(by));
  }
  Evidence evidence() {
    auto out = w.agent_evidence();
    must(out.offer(w.now, root3));
    return out;
  }
};

}  // namespace

TEST_CASE("suspension: a key counts in no group of no chain again, whatever comes later") {
  World w;
  auto evidence = w.agent_evidence();
  must(evidence.offer(w.now, suspension(w, w.bob)));
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  SECTION("another chain lists it") {
    must(evidence.offer(
        w.now,
        w.step(w.vendor2, w.vendor2_note,
               [&](Root& r) { add_root_person(r, "x@vendor.example", w.bob); }, {&w.vendor_root})));
  }
  SECTION("a routine renewal of its own chain") {
    must(evidence.offer(
        w.now, w.step(w.site1, w.site1_note, [](Root& r) { r.expires = r.expires + hours{24}; },
                      {&w.site_root})));
  }
  SECTION("its own chain lists it in another group, for another person") {
    must(evidence.offer(
        w.now,
        w.step(
            w.site1, w.site1_note,
            [&](Root& r) {
              std::erase_if(r.keys, [&](const RootKey& k) { return k.key == w.bob.public_key(); });
              r.keys.push_back({Group::kApprovers, person("eva@acme.example"), w.bob.public_key()});
            },
            {&w.site_root})));
  }
  SECTION("a restart") {
    Evidence again({note::hash(w.site1_note), {}, false}, evidence.floors());
    (void)again.offer_all(w.now, w.everything());
    must(again.offer(w.now, grant));
    CHECK_FALSE(is_live(again, id_of(grant), w.now));
  }
  evidence.advance(w.now);
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  // The same person returns with a new key.
  must(evidence.offer(w.now, w.approve(grant, w.erin)));
  CHECK(is_live(evidence, id_of(grant), w.now));
}

TEST_CASE("suspension: an older epoch delivered after a suspension revives nothing") {
  World w;
  // The agent has only epoch 1 of the site when the key is suspended under epoch 2.
  const auto root2 = w.step(w.site1, w.site1_note,
                            [](Root& r) { r.issued = r.issued + seconds{1}; }, {&w.site_root});
  const auto root3 = w.step(parsed(root2), root2, [](Root& r) { r.issued = r.issued + seconds{2}; },
                            {&w.site_root});
  auto evidence = w.agent_evidence();
  must(evidence.offer(w.now, suspension(w, w.bob, {note::hash(root3)})));
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  must(evidence.offer(w.now, root2));
  must(evidence.offer(w.now, w.site1_note));
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  must(evidence.offer(w.now, root3));
  CHECK(evidence.site_root(w.site.id)->epoch == 3);
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  CHECK(evidence.state(w.now, id_of(grant)).customer.empty());
}

TEST_CASE("suspension: history is walked with a suspended key, however it arrives") {
  World w;
  const auto fresh = crypto::SigningKey::generate(w.rng);
  // Epochs 2, 3 and 4 were signed by the key that is suspended now. Epoch 4 lists another key.
  const auto root3 =
      w.step(w.vendor2, w.vendor2_note, [](Root& r) { r.issued = kStart; }, {&w.vendor_root});
  const auto root4 =
      w.step(parsed(root3), root3, [&](Root& r) { swap_key(r, w.vendor_root, fresh); },
             {&w.vendor_root, &fresh});
  const auto end = suspension(w, w.vendor_root, {note::hash(root4)});
  const std::vector<note::Note> history = {w.vendor1_note, w.vendor2_note, root3, root4};
  SECTION("all at once, the suspension first") {
    Evidence evidence({{}, to_hash(w.vendor_id), false}, {});
    std::vector<note::Note> all = {end};
    all.insert(all.end(), history.begin(), history.end());
    for (const auto& change : evidence.offer_all(w.now, all)) must(change);
    CHECK(evidence.vendor_root()->epoch == 4);
  }
  SECTION("one by one, the suspension after the first epoch") {
    Evidence evidence({{}, to_hash(w.vendor_id), false}, {});
    must(evidence.offer(w.now, w.vendor1_note));
    must(evidence.offer(w.now, end));
    CHECK(refusal(evidence, w.vendor2_note, w.now) == ErrorCode::kUnverified);
    CHECK(refusal(evidence, root3, w.now) == ErrorCode::kUnverified);
    CHECK(evidence.vendor_root()->epoch == 1);
    must(evidence.offer(w.now, root4));
    CHECK(evidence.vendor_root()->epoch == 4);
  }
  SECTION("after a restart, from the floors") {
    auto evidence = w.laptop_evidence();
    must(evidence.offer(w.now, root3));
    must(evidence.offer(w.now, root4));
    must(evidence.offer(w.now, end));
    Evidence again({{}, to_hash(w.vendor_id), false}, evidence.floors());
    for (const auto& change : again.offer_all(w.now, history)) must(change);
    CHECK(again.vendor_root()->epoch == 4);
  }
  SECTION("a thief's epochs lead to no root that the holder named") {
    Evidence evidence({{}, to_hash(w.vendor_id), false}, {});
    must(evidence.offer(w.now, w.vendor1_note));
    must(evidence.offer(w.now, end));
    auto from = w.vendor1;
    auto from_note = w.vendor1_note;
    for (int i = 0; i < 70; ++i) {
      const auto forged = w.step(from, from_note, [](Root& r) { r.issued = r.issued + seconds{5}; },
                                 {&w.vendor_root});
      CHECK(refusal(evidence, forged, w.now) == ErrorCode::kUnverified);
      from = parsed(forged);
      from_note = forged;
    }
    CHECK(evidence.vendor_root()->epoch == 1);
    for (const auto& change : evidence.offer_all(w.now, history)) must(change);
    CHECK(evidence.vendor_root()->epoch == 4);
    CHECK_FALSE(evidence.forked());
  }
}

TEST_CASE("suspension: a suspended root key alone signs no next root") {
  TwoPersons two(1);
  auto& w = two.w;
  auto evidence = two.evidence();
  must(evidence.offer(w.now, suspension(w, two.second, {note::hash(two.root3)})));
  const auto thief = crypto::SigningKey::generate(w.rng);
  const auto take_over = [&](Root& r) {
    std::erase_if(r.keys, [](const RootKey& k) { return k.group == Group::kRoot; });
    add_root_person(r, "thief@vendor.example", thief);
  };
  CHECK(refusal(evidence, two.step(take_over, {&two.second, &thief}), w.now) ==
        ErrorCode::kUnverified);
  CHECK(refusal(evidence, two.step([](Root&) {}, {&two.second}), w.now) == ErrorCode::kUnverified);
  // A suspended key makes no rival: of the newest epoch or of an earlier epoch.
  const auto rival = w.step(w.vendor2, w.vendor2_note,
                            [](Root& r) { r.issued = r.issued + seconds{5}; }, {&two.second});
  CHECK(refusal(evidence, rival, w.now) == ErrorCode::kUnverified);
  CHECK_FALSE(evidence.forked());
  // The other person removes the suspended key.
  const auto next = two.step(
      [&](Root& r) {
        std::erase_if(r.keys, [&](const RootKey& k) { return k.key == two.second.public_key(); });
      },
      {&w.vendor_root});
  must(evidence.offer(w.now, next));
  CHECK(evidence.vendor_root()->epoch == 4);
}

TEST_CASE("suspension: of two of two, the one that is left needs the suspended key to go on") {
  TwoPersons two(2);
  auto& w = two.w;
  auto evidence = two.evidence();
  must(evidence.offer(w.now, suspension(w, two.second, {note::hash(two.root3)})));
  const auto fresh = crypto::SigningKey::generate(w.rng);
  // Refused while the next root still lists the key, or without the signature of the remaining
  // person.
  CHECK(refusal(evidence, two.step([](Root&) {}, {&w.vendor_root, &two.second}), w.now) ==
        ErrorCode::kUnverified);
  const auto replaced_key = [&](Root& r) { swap_key(r, two.second, fresh); };
  CHECK(refusal(evidence, two.step(replaced_key, {&two.second, &fresh}), w.now) ==
        ErrorCode::kUnverified);
  CHECK(refusal(evidence, two.step(replaced_key, {&w.vendor_root, &fresh}), w.now) ==
        ErrorCode::kUnverified);
  must(evidence.offer(w.now, two.step(replaced_key, {&w.vendor_root, &two.second, &fresh})));
  CHECK(evidence.vendor_root()->epoch == 4);
  // Both keys are suspended: the chain is frozen.
  TwoPersons frozen(2);
  auto stuck = frozen.evidence();
  for (const auto* key : {&frozen.second, &frozen.w.vendor_root}) {
    must(stuck.offer(w.now, suspension(frozen.w, *key, {note::hash(frozen.root3)})));
  }
  const auto any = frozen.step([&](Root& r) { swap_key(r, frozen.second, fresh); },
                               {&frozen.w.vendor_root, &frozen.second, &fresh});
  CHECK(refusal(stuck, any, w.now) == ErrorCode::kUnverified);
}

TEST_CASE("fork: the next epoch on the kept text clears it; a rival of an old epoch only alarms") {
  World w;
  auto evidence = w.agent_evidence();
  const auto rival = w.step(w.vendor1, w.vendor1_note,
                            [](Root& r) { r.issued = kStart + seconds{9}; }, {&w.vendor_root});
  CHECK(refusal(evidence, rival, w.now) == ErrorCode::kConflict);
  CHECK(evidence.forked());
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  const auto next = w.step(w.vendor2, w.vendor2_note,
                           [](Root& r) { r.issued = kStart + seconds{1}; }, {&w.vendor_root});
  must(evidence.offer(w.now, next));
  CHECK_FALSE(evidence.forked());
  CHECK(is_live(evidence, id_of(grant), w.now));
  // The removed key of an old epoch can always make rivals, but these stop nothing.
  for (int i = 10; i < 30; ++i) {
    const auto old = w.step(w.vendor1, w.vendor1_note,
                            [&](Root& r) { r.issued = kStart + seconds{i}; }, {&w.vendor_root});
    CHECK(refusal(evidence, old, w.now) == ErrorCode::kConflict);
  }
  CHECK_FALSE(evidence.forked());
  CHECK(evidence.rivals().size() == kMaxRivals);
  const auto later = w.approved();
  must(evidence.offer(w.now, later));
  CHECK(is_live(evidence, id_of(later), w.now));
}

TEST_CASE("fork: an operator chooses the text, also after a restart") {
  World w;
  auto evidence = w.agent_evidence();
  const auto rival = w.step(w.vendor1, w.vendor1_note,
                            [&](Root& r) {
                              r = w.vendor2;
                              r.issued = kStart + seconds{9};
                            },
                            {&w.vendor_root});
  const auto next = w.step(parsed(rival), rival, [](Root& r) { r.issued = kStart + seconds{10}; },
                           {&w.vendor_root});
  CHECK(refusal(evidence, rival, w.now) == ErrorCode::kConflict);
  CHECK(refusal(evidence, next, w.now) == ErrorCode::kUnverified);
  CHECK(evidence.choose_fork(note::hash(next)).error().code == ErrorCode::kNotFound);
  const auto forks = evidence.forks();
  REQUIRE(forks.size() == 1);
  REQUIRE(forks[0].texts.size() == 2);
  CHECK(forks[0].texts[0].kept);
  CHECK(forks[0].texts[0].note.text == w.vendor2_note.text);
  CHECK(forks[0].texts[1].note.text == rival.text);
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  SECTION("the one that is kept: the rival stops nothing any longer") {
    CHECK(evidence.choose_fork(note::hash(w.vendor2_note)));
    CHECK(evidence.forks().empty());
    CHECK(refusal(evidence, rival, w.now) == ErrorCode::kConflict);
    CHECK_FALSE(evidence.forked());
    evidence.advance(w.now);
    CHECK(is_live(evidence, id_of(grant), w.now));
    auto again = w.agent_evidence(evidence.floors());
    CHECK(refusal(again, rival, w.now) == ErrorCode::kConflict);
    CHECK_FALSE(again.forked());
  }
  SECTION("the other one: its next epoch is taken") {
    CHECK(evidence.choose_fork(note::hash(rival)));
    CHECK_FALSE(evidence.forked());
    CHECK(evidence.vendor_root()->issued == kStart + seconds{9});
    CHECK(refusal(evidence, w.vendor2_note, w.now) == ErrorCode::kConflict);
    CHECK_FALSE(evidence.forked());
    must(evidence.offer(w.now, next));
    CHECK(evidence.vendor_root()->epoch == 3);
    evidence.advance(w.now);
    CHECK(is_live(evidence, id_of(grant), w.now));
  }
}

TEST_CASE("rotation: a key leaves in two epochs without an outage") {
  World w;
  const auto admission = crypto::SigningKey::generate(w.rng);
  const auto directory = crypto::SigningKey::generate(w.rng);
  auto evidence = w.laptop_evidence();
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  const auto works = [&] {
    evidence.advance(w.now);
    return is_live(evidence, id_of(grant), w.now) &&
           evidence.publishers(w.now, w.policy.services[0].name).size() == 1 &&
           evidence.places() != nullptr;
  };
  REQUIRE(works());
  const auto both = w.step(
      w.vendor2, w.vendor2_note,
      [&](Root& r) {
        r.keys.push_back(
            {Group::kDeviceAdmission, person("new@vendor.example"), admission.public_key()});
        r.keys.push_back({Group::kDirectory, person("new@vendor.example"), directory.public_key()});
      },
      {&w.vendor_root});
  must(evidence.offer(w.now, both));
  CHECK(works());
  auto without = next_epoch(parsed(both), note::hash(both));
  std::erase_if(without.keys, [&](const RootKey& k) {
    return k.key == w.admission.public_key() || k.key == w.directory.public_key();
  });
  const auto drop = must(sign_statement(without, Signer{"root", w.vendor_root}));
  const auto vouch_again = [&](const note::Note& note, const crypto::SigningKey& key) {
    const auto change =
        must(evidence.offer(w.now, note::Note{note.text, {note::sign(note.text, "n", key)}}));
    CHECK(change.kind != ChangeKind::kNone);
    const auto* held = evidence.held(change);
    REQUIRE(held != nullptr);
    CHECK(held->signatures.size() == note.signatures.size() + 1);
  };
  SECTION("what only the old key vouches for gets one more line") {
    // These end: the list, the entry, the agent behind the entry, the laptop, the grant.
    CHECK(evidence.what_ends(without).size() == 5);
    vouch_again(w.site_note, directory);
    vouch_again(w.places_note, directory);
    vouch_again(w.laptop_note, admission);
    CHECK(evidence.what_ends(without).empty());
    must(evidence.offer(w.now, drop));
    CHECK(works());
    // The carrier's notes convince a party that did not see the events.
    Evidence again({{}, to_hash(w.vendor_id), false}, {});
    (void)again.offer_all(w.now, evidence.notes());
    CHECK(is_live(again, id_of(grant), w.now));
  }
  SECTION("without it, the second epoch ends them; the lines bring them back") {
    must(evidence.offer(w.now, drop));
    CHECK_FALSE(works());
    for (const auto& [note, key] :
         {std::pair{&w.site_note, &directory}, std::pair{&w.places_note, &directory},
          std::pair{&w.laptop_note, &admission}}) {
      must(evidence.offer(w.now, note::Note{note->text, {note::sign(note->text, "n", *key)}}));
    }
    CHECK(works());
  }
  SECTION("a step is taken as a whole: the root first, then the lines that came with it") {
    auto laptop = w.laptop_note;
    laptop.signatures.push_back(note::sign(laptop.text, "n", admission));
    auto entry = w.site_note;
    entry.signatures.push_back(note::sign(entry.text, "n", directory));
    auto list = w.places_note;
    list.signatures.push_back(note::sign(list.text, "n", directory));
    for (const auto& change : evidence.offer_all(w.now, std::vector{laptop, entry, list, drop})) {
      must(change);
    }
    CHECK(works());
  }
}

TEST_CASE("lines: nobody fills a known note or spoils it") {
  World w;
  auto evidence = w.agent_evidence();
  auto more = w.policy_note;
  const auto stranger = crypto::SigningKey::generate(w.rng);
  more.signatures.push_back(note::sign(more.text, "stranger", stranger));
  more.signatures.push_back({"other", {1, 2, 3, 4}, Bytes(3000, 1)});
  CHECK(must(evidence.offer(w.now, more)).kind == ChangeKind::kNone);
  auto bad = w.policy_note;
  bad.signatures.push_back(note::sign(more.text, "bob@acme.example", w.bob));
  bad.signatures.back().signature[0] ^= 1U;
  CHECK(refusal(evidence, bad, w.now) == ErrorCode::kUnverified);
  const auto good = w.approve(w.policy_note, w.bob);
  CHECK(must(evidence.offer(w.now, good)).kind == ChangeKind::kPolicy);
  CHECK(must(evidence.offer(w.now, good)).kind == ChangeKind::kNone);
  CHECK(must(evidence.offer(w.now, w.policy_note)).kind == ChangeKind::kNone);
  CHECK(evidence.policy(w.site.id) != nullptr);
  // A note that was accepted with strangers' lines is held without these lines.
  Evidence other({note::hash(w.site1_note), {}, false}, {});
  auto all = w.everything();
  for (auto& note : all) note.signatures.push_back({"other", {1, 2, 3, 4}, Bytes(3000, 1)});
  for (const auto& change : other.offer_all(w.now, all)) must(change);
  for (const auto& note : other.notes()) {
    for (const auto& line : note.signatures) CHECK(line.name != "other");
  }
}

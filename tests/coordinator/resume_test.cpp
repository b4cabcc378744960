// A node that resumes by number gets the same view as by a full step, whatever deltas were lost.
#include <catch2/catch.hpp>
#include <set>

#include "coordinator/core/views.hpp"
#include "tests/coordinator/world_support.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::coordinator::test {
namespace {

// A node that follows the protocol's description, so that the test of Views does not use Views.
struct Receiver {
  std::map<control::NoteId, std::string> notes;
  std::uint64_t seq = 0;
  std::size_t full_steps = 0, differences = 0;

  void take(const std::vector<control::Delta>& deltas) {
    REQUIRE_FALSE(deltas.empty());
    const auto& first = deltas.front();
    if (first.full) {
      ++full_steps;
      CHECK(first.after == 0);
      notes.clear();
    } else {
      ++differences;
      REQUIRE(first.after == seq);
    }
    REQUIRE(first.seq >= seq);
    for (const auto& delta : deltas) {
      CHECK(delta.seq == first.seq);
      CHECK(delta.after == first.after);
      CHECK(delta.more == (&delta != &deltas.back()));
      for (const auto& id : delta.drop) notes.erase(id);
      for (const auto& note : delta.put) notes[note::hash(note::parse(note).value())] = note;
    }
    seq = first.seq;
  }
  void check_holds(const View& view, const Ledger& ledger) const {
    CHECK(notes.size() == view.size());
    for (const auto& id : view) {
      const auto found = notes.find(id);
      REQUIRE(found != notes.end());
      CHECK(found->second == ledger.find(id)->note);
    }
  }
};

// A ledger with about twenty notes of every kind; one note gets further signature lines.
struct Notes : World {
  explicit Notes(std::uint64_t seed) : World(seed) {
    auto& site = add_site("acme.byoc.example.com");
    publish(agent(site, "cluster-1"), site);
    auto& laptop = device("alice-laptop", "alice@vendor.example");
    for (int i = 0; i < 12; ++i) {
      grants.push_back(request(laptop, site));
      REQUIRE(put(laptop, grants.back()).has_value());
    }
    REQUIRE(ledger.load(now).has_value());
    const auto rows = store.notes().value();
    for (const auto& row : rows) ids.push_back(row.id);
  }
  void sign_one(std::size_t which) {
    grants[which] = sign_more(grants[which], vendor_approver);
    REQUIRE(ledger.take(now, note::parse(grants[which]).value()).has_value());
  }

  std::vector<std::string> grants;
  std::vector<control::NoteId> ids;
  Ledger ledger{store};
};

TEST_CASE("views: resumed from any number that was given, a node holds exactly its view") {
  std::size_t differences = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    Notes world(seed);
    SeededRng rng(seed);
    Views views;
    const trust::IdentityKey node{}, other{{9}};
    View view;
    std::vector<Receiver> past(1);  // what the node held at each number
    auto now = past.front();
    std::size_t signed_so_far = 0;
    for (int step = 0; step < 200; ++step) {
      for (const auto& id : world.ids) {
        if (rng.below(8) != 0) continue;
        if (!view.erase(id)) view.insert(id);
      }
      if (rng.below(40) == 0 && signed_so_far < world.grants.size())
        world.sign_one(signed_so_far++);
      views.update(other, view, world.ledger);  // numbers of other nodes come between
      if (rng.below(3) != 0) {
        const auto deltas = views.update(node, view, world.ledger);
        if (deltas.empty() || rng.below(3) == 0) continue;  // the deltas are lost
        if (!deltas.front().full && deltas.front().after != now.seq) {
          now.take(views.resume(node, true, now.seq, view, world.ledger));
        } else {
          now.take(deltas);
        }
      } else {  // an old state comes back with its number
        now = past[rng.below(past.size())];
        now.take(views.resume(node, true, now.seq, view, world.ledger));
      }
      now.check_holds(view, world.ledger);
      past.push_back(now);
    }
    differences += now.differences;
    Receiver stranger = now;  // another run: the whole view
    stranger.take(views.resume(node, false, now.seq, view, world.ledger));
    CHECK(stranger.full_steps == now.full_steps + 1);
    stranger.check_holds(view, world.ledger);
  }
  CHECK(differences > 50);
}

TEST_CASE("views: a node from before the remembered drops gets the whole view") {
  Notes world(1);
  Views views;
  const trust::IdentityKey node{};
  View view(world.ids.begin(), world.ids.end());
  Receiver old;
  old.take(views.resume(node, true, 0, view, world.ledger));
  auto recent = old;
  for (std::size_t dropped = 0; dropped <= kMaxDropped + world.ids.size();) {
    view.clear();
    dropped += world.ids.size();
    recent.take(views.update(node, view, world.ledger));
    view.insert(world.ids.begin(), world.ids.end());
    recent.take(views.update(node, view, world.ledger));
  }
  CHECK(recent.full_steps == 1);
  old.take(views.resume(node, true, old.seq, view, world.ledger));
  CHECK(old.full_steps == 2);
  old.check_holds(view, world.ledger);
  recent.take(views.resume(node, true, recent.seq, view, world.ledger));
  CHECK(recent.full_steps == 1);
  // A number that was never given.
  recent.take(views.resume(node, true, recent.seq + 1, view, world.ledger));
  CHECK(recent.full_steps == 2);
}

TEST_CASE("views: a node whose view was forgotten is told everything") {
  Notes world(1);
  Views views;
  View view(world.ids.begin(), world.ids.end());
  trust::IdentityKey first{};
  Receiver receiver;
  receiver.take(views.resume(first, true, 0, view, world.ledger));
  trust::IdentityKey other{{1}};
  for (std::size_t i = 0; i < kMaxViews; ++i) {
    other.bytes[1] = static_cast<std::uint8_t>(i);
    other.bytes[2] = static_cast<std::uint8_t>(i >> 8U);
    views.update(other, {}, world.ledger);
  }
  view.erase(view.begin());
  receiver.take(views.update(first, view, world.ledger));
  CHECK(receiver.full_steps == 2);
  receiver.check_holds(view, world.ledger);
}

// Random acts with real clients of agents and laptops; connections break within a step.
void random_act(World& world, TestSite& site, std::vector<std::string>& open, SeededRng& rng) {
  auto& laptop = world.parties[1];
  auto& carol = world.parties[3];
  auto& bob = world.parties[4];
  const auto some = [&]() -> std::string& { return open[rng.below(open.size())]; };
  switch (open.empty() ? 0 : rng.below(4)) {
    case 0:
      if (open.size() >= 12) break;
      open.push_back(world.request(laptop, site, rng.below(2) == 0 ? "api" : "db"));
      (void)world.put(laptop, open.back());
      break;
    case 1:
      (void)world.put(carol, world.sign_more(some(), world.vendor_approver));
      break;
    case 2:
      (void)world.put(bob, world.sign_more(some(), site.approver));
      break;
    case 3: {
      const auto grant = trust::Grant::parse(note::parse(some()).value().text).value();
      const auto revoked = trust::revoke_grant(grant, world.vendor_id, "over", world.now.wall,
                                               world.vendor_approver.signer());
      (void)world.put(carol, note::render(revoked.value()));
      break;
    }
  }
}

TEST_CASE("coordinator: after random changes and broken connections all hold their full view") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    auto& site = world.add_site("acme.byoc.example.com");
    auto& cluster = world.agent(site, "cluster-1");
    auto& laptop = world.device("alice-laptop", "alice@vendor.example");  // and its admission
    world.publish(cluster, site);
    world.person_with(world.vendor_approver);
    world.person_with(site.approver);
    SeededRng rng(seed);
    std::vector<std::string> open;
    std::size_t synced = 0;
    for (int step = 0; step < 40; ++step) {
      for (auto* party : {&cluster, &laptop}) {
        if (rng.below(3) == 0) party->records_left = rng.below(4);
        if (rng.below(8) == 0) world.cut(*party);
      }
      random_act(world, site, open, rng);
      if (rng.below(3) == 0) world.pass(std::chrono::milliseconds(rng.below(3000)));
      if (rng.below(6) != 0) continue;
      for (auto* party : {&cluster, &laptop}) party->records_left.reset();
      world.pass(10s);
      REQUIRE((cluster.client->connected() && laptop.client->connected()));
      const auto resumed = std::pair(cluster.view, laptop.view);
      world.restart();  // a new run: the next step is the whole view
      world.pass(10s);
      CHECK(resumed == std::pair(cluster.view, laptop.view));
      ++synced;
    }
    CHECK(synced > 0);
  }
}

}  // namespace
}  // namespace culvert::coordinator::test

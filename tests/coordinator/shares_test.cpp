// One party's statements never keep out another party's: shares of the ledger, pages of lists,
// statements of unknown types.
#include <catch2/catch.hpp>

#include "coordinator/core/pages.hpp"
#include "coordinator/ledger/ledger.hpp"
#include "proto/trust/register/limits.hpp"
#include "tests/coordinator/world_support.hpp"

namespace culvert::coordinator::test {
namespace {

note::Note parse(const std::string& text) { return note::parse(text).value(); }

struct TwoSites : World {
  TwoSites() {
    a = &add_site("a.byoc.example.com");
    b = &add_site("b.byoc.example.com");
    agent(*a, "agent-a");
    agent(*b, "agent-b");
    alice = &device("alice", "alice@vendor.example");
    REQUIRE(ledger.load(now));
  }
  // A revocation of a made-up device or grant by this site's approver.
  note::Note made_up(const TestSite& site, bool grant) {
    trust::Revocation revocation;
    revocation.vendor_id = vendor_id;
    revocation.site = site.ref;
    revocation.reason = "x";
    revocation.issued = now.wall;
    if (grant) {
      revocation.what = trust::Revokes::kGrant;
      revocation.grant = trust::GrantId::generate(now.wall, rng);
      revocation.not_after = now.wall + std::chrono::hours(40);
    } else {
      revocation.what = trust::Revokes::kDevice;
      revocation.key = crypto::VerifyKey{rng.array<32>()};
    }
    return trust::sign_statement(revocation, site.approver.signer()).value();
  }
  TestSite* a = nullptr;
  TestSite* b = nullptr;
  Party* alice = nullptr;
  Ledger ledger{store};
};

TEST_CASE("shares: one approver's made-up revocations end at his share, others' do not") {
  TwoSites world;
  const bool grants = GENERATE(false, true);
  std::size_t taken = 0;
  Result<trust::Change> last = trust::Change{};
  while (last && taken < 2 * trust::kMaxRevocations) {
    last = world.ledger.take(world.now, world.made_up(*world.b, grants));
    if (last) ++taken;
  }
  CHECK(taken == trust::kMaxRevocations);
  REQUIRE_FALSE(last);
  CHECK(last.error().code == ErrorCode::kExhausted);
  // Still accepted: revocations by another site's approver and by the vendor's approver.
  CHECK(world.ledger.take(world.now, world.made_up(*world.a, grants)));
  const auto lost =
      trust::revoke_identity(trust::Revokes::kDevice, world.alice->node.identity, world.vendor_id,
                             std::nullopt, "lost", world.now.wall, world.vendor_approver.signer());
  CHECK(world.ledger.take(world.now, *lost));
  // The approver may repeat earlier revocations, and revocations that are over make room.
  REQUIRE(world.ledger.commit());
  Ledger again(world.store);
  REQUIRE(again.load(world.now));
  CHECK_FALSE(again.take(world.now, world.made_up(*world.b, grants)));
  if (!grants) return;
  auto later = world.now;
  later.wall = later.wall + std::chrono::hours(24 * 8);
  later.steady = later.steady + std::chrono::hours(24 * 8);
  again.advance(later);
  world.now = later;
  const auto over = again.take(world.now, world.made_up(*world.b, grants));
  if (!over) FAIL(over.error().message);
}

TEST_CASE("shares: the agents of a site hear of each new one, and its approvers list them") {
  World world;
  auto& site = world.add_site("a.byoc.example.com");
  auto& first = world.agent(site, "first");
  auto& second = world.agent(site, "second");
  const auto heard = [&](Party& by, const Party& of) {
    for (const auto& [id, text] : by.view) {
      const auto node = trust::Node::parse(note::parse(text).value().text);
      if (node && node->identity == of.node.identity) return true;
    }
    return false;
  };
  CHECK(heard(first, second));
  CHECK(heard(second, first));
  CHECK(second.hears(first.enrolment[1]));
  auto& elsewhere = world.agent(world.add_site("b.byoc.example.com"), "elsewhere");
  CHECK_FALSE(heard(elsewhere, first));
  CHECK_FALSE(heard(first, elsewhere));
  world.pass(1s);
  std::size_t alarms = 0;
  for (const auto& line : world.audit_lines()) {
    const auto entry = audit::parse_entry(line).value();
    if (entry.kind != audit::Kind::kAlarm) continue;
    if (entry.detail.find("new agent") == 0) ++alarms;
  }
  CHECK(alarms == 3);
  CHECK(world.core->counters().new_agents == 3);
  // A person who may see the site sees its agents and their times; other persons do not.
  auto& bob = world.person_with(site.approver);
  const auto listed = world.answer(bob, bob.client->list(control::ListWhat::kNodes, {}));
  REQUIRE(listed);
  CHECK(listed->entries.size() == 4);  // two statements, two enrolled notes
  CHECK(listed->entries[0].state == "since " + format_time(world.now.wall - 1s));
  auto& foreign = world.person_with(world.sites[1].approver);
  const auto others = world.answer(foreign, foreign.client->list(control::ListWhat::kNodes, {}));
  REQUIRE(others);
  CHECK(others->entries.size() == 2);
}

TEST_CASE("shares: ended grants do not count for their device") {
  TwoSites world;
  std::size_t open = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    const auto note = parse(world.request(*world.alice, *world.a));
    const auto grant = trust::Grant::parse(note.text).value();
    const auto taken = world.ledger.take(world.now, note);
    if (!taken) FAIL(taken.error().message);
    const auto end = trust::revoke_grant(grant, world.vendor_id, "no", world.now.wall,
                                         world.vendor_approver.signer());
    REQUIRE(world.ledger.take(world.now, *end));
  }
  for (const auto& id : world.ledger.grants_of(world.alice->node.identity)) {
    if (world.ledger.evidence().state(world.now, id).phase == trust::RequestPhase::kPending) ++open;
  }
  CHECK(open == 0);
  CHECK(world.ledger.grants_of(world.alice->node.identity).size() == 40);
  CHECK(world.ledger.take(world.now, parse(world.request(*world.alice, *world.a))));
}

note::Note unsigned_note(std::string text) { return {std::move(text), {}}; }

TEST_CASE(
    "pages: an entry too large for any page is left out and named, the others come page by page") {
  std::vector<note::Note> fat;
  for (int i = 0; i < 80; ++i) {
    fat.push_back(unsigned_note("fat " + std::to_string(i) + std::string(16'000, 'f') + "\n"));
  }
  struct Item {
    std::string place;
    std::vector<note::Note> notes;
  };
  std::vector<Item> items;
  for (int i = 0; i < 300; ++i) {
    const auto number = std::to_string(1000 + i);
    Item item{"1" + number, {unsigned_note("support " + number + std::string(6000, 's') + "\n")}};
    if (i % 50 == 7) item.notes = fat;  // a site with more epochs than one answer holds
    items.push_back(std::move(item));
  }
  std::set<std::string> listed, left_out;
  std::string page;
  std::size_t pages = 0;
  for (;;) {
    REQUIRE(++pages < 50);
    Pages out(page);
    for (const auto& item : items) {
      if (!out.entry(item.place, item.notes, unsigned_note("entry " + item.place + "\n"), ""))
        break;
    }
    auto reply = out.take();
    CHECK(control::encode(reply).size() <= control::kMaxMessage);
    for (const auto& entry : reply.entries) CHECK(listed.insert(entry.note).second);
    for (const auto& line : reply.lines) left_out.insert(line);
    if (!reply.page) break;
    CHECK(*reply.page > page);
    page = *reply.page;
  }
  CHECK(listed.size() == 294);
  CHECK(left_out.size() == 6);
  CHECK(pages > 2);
}

std::string further(const std::string& first_lines, int number = 0) {
  return "culvert/later/v1\n" + first_lines + "number: " + std::to_string(number) + "\n";
}

TEST_CASE(
    "further: statements of unknown types are carried for a chain's parties, signed by its keys") {
  TwoSites world;
  const auto of_site = "site: " + world.b->ref.name.str() +
                       "\nsite-id: " + trust::format_hash(world.b->ref.id.view()) + "\n";
  const auto of_vendor = "vendor-id: " + trust::format_hash(world.vendor_id.view()) + "\n";
  const auto signed_by = [](const std::string& text, const Holder& holder) {
    note::Note note{text, {note::sign(text, holder.who.str(), holder.key)}};
    return note;
  };
  auto& bob = world.person_with(world.b->approver);
  auto& carol = world.person_with(world.vendor_approver);
  const auto site_text = further(of_site);
  REQUIRE(world.put(bob, note::render(signed_by(site_text, world.b->approver))));
  for (auto& party : world.parties) {
    const bool concerned = party.node.site.id == world.b->ref.id && party.keys;
    CHECK(party.view.contains(note::hash(site_text)) == concerned);
  }
  const auto vendor_text = further(of_vendor);
  auto many = signed_by(vendor_text, world.vendor_approver);
  const auto stranger = crypto::SigningKey::generate(world.rng);
  many.signatures.push_back(note::sign(vendor_text, "stranger", stranger));
  REQUIRE(world.put(carol, note::render(many)));
  for (auto& party : world.parties) {
    if (!party.keys) continue;
    REQUIRE(party.view.contains(note::hash(vendor_text)));
    CHECK(parse(party.view.at(note::hash(vendor_text))).signatures.size() == 1);
  }

  const auto refused = [&](const note::Note& note) {
    const auto done = world.ledger.take(world.now, note);
    REQUIRE_FALSE(done);
    return done.error().code;
  };
  CHECK(refused(signed_by(further(of_site), world.a->approver)) == ErrorCode::kUnverified);
  CHECK(refused(signed_by(further(of_vendor), world.a->approver)) == ErrorCode::kUnverified);
  CHECK(refused(unsigned_note(further(of_vendor))) == ErrorCode::kUnverified);
  CHECK(refused(signed_by(further("other: x\n" + of_site), world.b->approver)) ==
        ErrorCode::kUnverified);
  const auto mixed = "site: " + world.a->ref.name.str() +
                     "\nsite-id: " + trust::format_hash(world.b->ref.id.view()) + "\n";
  CHECK(refused(signed_by(further(mixed), world.b->approver)) == ErrorCode::kUnverified);
  CHECK(refused(signed_by("other/later/v1\n" + of_site, world.b->approver)) == ErrorCode::kInvalid);

  // Each signer has sixteen; beyond that the signer's own oldest is dropped, and no other signer's.
  for (int i = 1; i <= 40; ++i) {
    ++world.now.wall.seconds;
    REQUIRE(world.put(bob, note::render(signed_by(further(of_site, i), world.b->approver))));
  }
  Ledger again(world.store);
  REQUIRE(again.load(world.now));
  CHECK(again.further().size() == kMaxFurtherOfSigner + 1);
  CHECK(again.find(note::hash(further(of_site, 40))) != nullptr);
  CHECK(again.find(note::hash(further(of_site, 24))) == nullptr);
  CHECK(again.find(note::hash(vendor_text)) != nullptr);
}

}  // namespace
}  // namespace culvert::coordinator::test

#include "proto/trust/lease_answer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "proto/trust/register/revocation_log.hpp"

#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;

namespace {

struct Asking : World {
  crypto::SigningKey own = crypto::SigningKey::generate(rng);
  RevocationLog log;
  LeaseQuestion question() { return {site, agent.identity, LeaseNonce{rng.array<32>()}, {}, {}}; }
  AskedGrant made_up() { return {GrantId::generate(kStart, rng), laptop.identity}; }
  Result<std::vector<note::Note>> answer(const LeaseQuestion& asked, const Evidence& evidence) {
    log.update(evidence.who(), site.id);
    return answer_lease(asked, evidence, log, "lease@acme.example", own);
  }
  note::Note device_end(const IdentityKey& device, const crypto::SigningKey& by,
                        std::optional<SiteRef> where) {
    return must(revoke_identity(Revokes::kDevice, device, vendor_id, where, "lost", now.wall,
                                {"approver", by}));
  }
};

// Asks as an agent does, until there is a lease. Returns the notes on the way and the lease.
struct Told {
  std::vector<note::Note> notes;
  std::optional<Lease> lease;
  std::size_t answers = 0;
};

Told ask_through(Asking& w, const Evidence& evidence, LeaseQuestion asked) {
  Told out;
  while (!out.lease && out.answers < 50) {
    ++out.answers;
    for (const auto& note : must(w.answer(asked, evidence))) {
      if (kind_of(note.text) == Kind::kLease) {
        out.lease = must(Lease::parse(note.text));
        break;
      }
      asked.revocations = RevocationLog::next(asked.revocations, note);
      out.notes.push_back(note);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("lease question: reads what it writes and nothing else") {
  Asking w;
  auto asked = w.question();
  asked.grants = {w.made_up(), w.made_up()};
  std::sort(asked.grants.begin(), asked.grants.end());
  const auto text = asked.render();
  CHECK(LeaseQuestion::parse(text)->render() == text);
  std::swap(asked.grants[0], asked.grants[1]);
  CHECK_FALSE(LeaseQuestion::parse(asked.render()));
  CHECK_FALSE(LeaseQuestion::parse(text + "grant: x\n"));
  CHECK_FALSE(LeaseQuestion::parse(replaced(text, "nonce: ", "nonce: 00")));
  CHECK_FALSE(LeaseQuestion::parse(replaced(text, "lease-question", "lease")));
  CHECK_FALSE(LeaseQuestion::parse(""));
  asked.grants.clear();
  for (std::size_t i = 0; i <= kMaxLeaseGrants; ++i) {
    asked.grants.push_back(w.made_up());
  }
  std::sort(asked.grants.begin(), asked.grants.end());
  CHECK_FALSE(LeaseQuestion::parse(asked.render()));
}

TEST_CASE("lease question: answered with what the signer knows, less what is revoked") {
  Asking w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  auto asked = w.question();
  asked.grants = {{id_of(grant), w.laptop.identity}, w.made_up()};
  std::sort(asked.grants.begin(), asked.grants.end());
  const auto first = must(w.answer(asked, evidence));
  REQUIRE(first.size() == 1);  // no revocation to tell
  const auto lease = must(Lease::parse(first[0].text));
  CHECK(lease.nonce == asked.nonce);
  CHECK(lease.grants == std::vector{asked.grants[0].id, asked.grants[1].id});
  CHECK(lease.documents == evidence.documents(w.site.id));

  const auto ended = must(revoke_grant(must(Grant::parse(grant.text)), w.vendor_id, "over",
                                       w.now.wall, {"bob@acme.example", w.bob}));
  must(evidence.offer(w.now, ended));
  const auto second = must(w.answer(asked, evidence));
  REQUIRE(second.size() == 2);  // the revocation and the lease
  CHECK(second[1].text == ended.text);
  CHECK(must(Lease::parse(second[0].text)).grants.size() == 1);
}

TEST_CASE("lease question: a revoked device's grants are left out, and its revocation told once") {
  Asking w;
  auto evidence = w.agent_evidence();
  auto asked = w.question();
  asked.grants = {w.made_up(), w.made_up()};
  asked.grants[1].device = IdentityKey{crypto::SigningKey::generate(w.rng).public_key().bytes};
  std::sort(asked.grants.begin(), asked.grants.end());
  const auto end = w.device_end(w.laptop.identity, w.bob, w.site);
  must(evidence.offer(w.now, end));
  const auto answer = must(w.answer(asked, evidence));
  REQUIRE(answer.size() == 2);
  CHECK(answer[0].text == end.text);
  const auto lease = must(Lease::parse(answer[1].text));
  REQUIRE(lease.grants.size() == 1);
  CHECK(lease.grants[0] !=
        (asked.grants[0].device == w.laptop.identity ? asked.grants[0].id : asked.grants[1].id));
  asked.revocations = RevocationLog::next({}, end);
  CHECK(must(w.answer(asked, evidence)).size() == 1);
  asked.revocations.hash.bytes[0] ^= 1U;  // mark of another server: from the beginning
  CHECK(w.answer(asked, evidence).error().code == ErrorCode::kStale);
  asked.revocations = {9, {}};
  CHECK(w.answer(asked, evidence).error().code == ErrorCode::kStale);
}

TEST_CASE("lease question: a vendor approver's made-up revocations hide no device's revocation") {
  Asking w;
  auto evidence = w.agent_evidence();
  for (int i = 0; i < 300; ++i) {
    Revocation made_up;
    made_up.vendor_id = w.vendor_id;
    made_up.site = w.site;
    made_up.grant = GrantId::generate(kStart, w.rng);
    made_up.not_after = w.now.wall + std::chrono::hours(24);
    made_up.reason = "x";
    made_up.issued = w.now.wall;
    must(evidence.offer(w.now, must(sign_statement(made_up, {"carol", w.carol}))));
  }
  const auto stolen = w.device_end(w.laptop.identity, w.bob, w.site);
  must(evidence.offer(w.now, stolen));
  auto asked = w.question();
  asked.grants = {w.made_up()};
  const auto told = ask_through(w, evidence, asked);
  CHECK(told.answers == 1);  // no revocation of a grant needs to be told
  CHECK(std::count(told.notes.begin(), told.notes.end(), stolen) == 1);
  CHECK(told.lease->grants.empty());

  // Revocations of devices: no lease until all are told, the customer's revocations included.
  for (int i = 0; i < 700; ++i) {
    const auto device = crypto::SigningKey::generate(w.rng).public_key();
    must(evidence.offer(w.now, w.device_end(IdentityKey{device.bytes}, w.carol, std::nullopt)));
  }
  RevocationLog restarted;
  w.log = restarted;
  const auto all = ask_through(w, evidence, asked);
  REQUIRE(all.lease);
  CHECK(all.answers == 3);
  CHECK(all.notes.size() == 701);
  CHECK(std::count(all.notes.begin(), all.notes.end(), stolen) == 1);
  // One more revocation costs one more note.
  for (const auto& note : all.notes) {
    asked.revocations = RevocationLog::next(asked.revocations, note);
  }
  CHECK(must(w.answer(asked, evidence)).size() == 1);
  must(evidence.offer(w.now, w.device_end(w.agent.identity, w.carol, std::nullopt)));
  CHECK(must(w.answer(asked, evidence)).size() == 2);
}

TEST_CASE("lease question: who replaces one revocation over and over makes the log no longer") {
  Asking w;
  auto evidence = w.agent_evidence();
  const auto before = must(w.answer(w.question(), evidence)).size();
  CHECK(before == 1);
  for (int i = 0; i < 700; ++i) {
    w.pass(std::chrono::seconds(1));
    must(evidence.offer(w.now, w.device_end(w.laptop.identity, w.carol, std::nullopt)));
    w.log.update(evidence.who(), w.site.id);
  }
  CHECK(w.log.after({})->size() <= 2 * 1 + 256 + 1);
}

TEST_CASE("lease question: of another site, or by a revoked agent: no lease") {
  Asking w;
  auto evidence = w.agent_evidence();
  auto asked = w.question();
  asked.site.id = SiteId{};
  CHECK(w.answer(asked, evidence).error().code == ErrorCode::kDenied);
  asked = w.question();
  asked.site.name = fqdn("other.byoc.example.com");
  CHECK(w.answer(asked, evidence).error().code == ErrorCode::kDenied);
  asked = w.question();
  must(evidence.offer(
      w.now, must(revoke_identity(Revokes::kNode, w.agent.identity, w.vendor_id, w.site, "stolen",
                                  w.now.wall, {"bob@acme.example", w.bob}))));
  CHECK(w.answer(asked, evidence).error().code == ErrorCode::kDenied);
}

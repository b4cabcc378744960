#include "proto/trust/lease_question.hpp"

#include <catch2/catch.hpp>

#include "tests/proto/trust/trust_support.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;

namespace {

struct Asking : World {
  crypto::SigningKey own = crypto::SigningKey::generate(rng);
  LeaseQuestion question() { return {site, agent.identity, LeaseNonce{rng.array<32>()}, {}, {}}; }
};

}  // namespace

TEST_CASE("lease question: reads what it writes and nothing else") {
  Asking w;
  auto asked = w.question();
  asked.grants = {GrantId::generate(kStart, w.rng), GrantId::generate(kStart, w.rng)};
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
    asked.grants.push_back(GrantId::generate(kStart, w.rng));
  }
  std::sort(asked.grants.begin(), asked.grants.end());
  CHECK_FALSE(LeaseQuestion::parse(asked.render()));
}

TEST_CASE("lease question: answered with what the signer knows, less what is revoked") {
  Asking w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  auto asked = w.question();
  asked.grants = {id_of(grant), GrantId::generate(kStart, w.rng)};
  std::sort(asked.grants.begin(), asked.grants.end());
  asked.revocations = evidence.revocations(w.site.id);
  const auto first = must(answer_lease(asked, evidence, "lease@acme.example", w.own));
  REQUIRE(first.size() == 1);  // the agent knows every revocation
  const auto lease = must(Lease::parse(first[0].text));
  CHECK(lease.nonce == asked.nonce);
  CHECK(lease.grants == asked.grants);
  CHECK(lease.documents == evidence.documents(w.site.id));

  const auto ended = must(revoke_grant(must(Grant::parse(grant.text)), w.vendor_id, "over",
                                       w.now.wall, {"bob@acme.example", w.bob}));
  must(evidence.offer(ended, w.now));
  const auto second = must(answer_lease(asked, evidence, "lease@acme.example", w.own));
  REQUIRE(second.size() == 2);  // the revocation comes with it
  CHECK(second[1].text == ended.text);
  CHECK(must(Lease::parse(second[0].text)).grants.size() == 1);
  asked.revocations = evidence.revocations(w.site.id);
  CHECK(must(answer_lease(asked, evidence, "lease@acme.example", w.own)).size() == 1);
}

TEST_CASE("lease question: of another site, or by a revoked agent: no lease") {
  Asking w;
  auto evidence = w.agent_evidence();
  auto asked = w.question();
  asked.site.id = SiteId{};
  CHECK(answer_lease(asked, evidence, "lease@acme.example", w.own).error().code ==
        ErrorCode::kDenied);
  asked = w.question();
  asked.site.name = fqdn("other.byoc.example.com");
  CHECK(answer_lease(asked, evidence, "lease@acme.example", w.own).error().code ==
        ErrorCode::kDenied);
  asked = w.question();
  must(evidence.offer(must(revoke_identity(Revokes::kNode, w.agent.identity, w.vendor_id, w.site,
                                           "stolen", w.now.wall, {"bob@acme.example", w.bob})),
                      w.now));
  CHECK(answer_lease(asked, evidence, "lease@acme.example", w.own).error().code ==
        ErrorCode::kDenied);
}

// Documents that the world's coordinator does not carry, and the customer's lease server.
#include <catch2/catch.hpp>

#include "tests/agent/core/world_support.hpp"

namespace culvert::agent::test {

note::Note World::next_policy(const std::function<void(trust::Policy&)>& edit) {
  policy.previous = note::hash(policy.render());
  ++policy.serial;
  policy.issued = now.wall;
  edit(policy);
  return ceremony::sign(policy, site_root_);
}

note::Note World::second_site_root(const std::function<void(trust::Root&)>& edit) const {
  auto root = *trust::Root::parse(site_root_note_.text);
  root.epoch = 2;
  root.previous = note::hash(site_root_note_);
  root.genesis = trust::to_hash(site_ref.id);
  edit(root);
  return ceremony::sign(root, site_root_);
}

note::Note World::fresh_note() const {
  trust::Fresh fresh;
  fresh.site = site_ref;
  fresh.site_root = {1, trust::to_hash(site_ref.id)};
  fresh.policy = {policy.serial, note::hash(policy.render())};
  fresh.issued = now.wall;
  return ceremony::sign(fresh, site_lease_);
}

note::Note World::signed_by_bob(const trust::Revocation& revocation) const {
  return ceremony::sign(revocation, bob_);
}

note::Note World::signed_by_carol(const trust::Revocation& revocation) const {
  return ceremony::sign(revocation, carol_);
}

trust::Evidence World::customers_evidence() const {
  trust::Evidence evidence(trust::Pins{trust::to_hash(site_ref.id), std::nullopt}, {});
  for (const auto& taken :
       evidence.offer_all(now, std::vector{vendor_note_, site_root_note_, policy_note_})) {
    REQUIRE(taken);
  }
  return evidence;
}

Result<std::string> World::customers_answer(const trust::Evidence& evidence,
                                            const std::string& question, bool by_the_vendors_key) {
  const Holder& signer = by_the_vendors_key ? lease_ : site_lease_;
  const auto asked = trust::LeaseQuestion::parse(question);
  if (!asked) return fail_with(asked.error());
  revocation_log.update(evidence.who(), site_ref.id);
  const auto notes =
      trust::answer_lease(*asked, evidence, revocation_log, signer.who.str(), signer.key);
  if (!notes) return fail_with(notes.error());
  return note::render_bundle(*notes);
}

}  // namespace culvert::agent::test

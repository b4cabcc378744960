// The documents of a small mesh, all made from one seed: a vendor (two root epochs, as after
// `culvert-coordinator init`), a site, an agent, a laptop, approvers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proto/trust/evidence.hpp"
#include "proto/trust/statements/sign.hpp"
#include "tests/support/ceremony.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::trust::testing {

using culvert::ceremony::fqdn;
using culvert::ceremony::kEnrolmentLength;
using culvert::ceremony::kYear;
using culvert::ceremony::label;
using culvert::ceremony::must;
using culvert::ceremony::person;

template <class X>
X x25519(Rng& rng) {
  return X{rng.array<32>()};
}

constexpr WallTime kStart{1'795'273'200};  // 2026-11-21T15:00:00Z

struct World {
  explicit World(std::uint64_t seed = 1);

  SeededRng rng;
  Now now{Instant{1'000'000'000'000}, kStart};

  // vendor
  crypto::SigningKey vendor_root, carol, dave, admission, directory, lease, ticket;
  // customer
  crypto::SigningKey site_root, bob, erin, enroller;
  // nodes
  crypto::SigningKey one_time, agent_key, laptop_key;

  Root vendor1, vendor2, site1;
  Places places;
  note::Note places_note;
  note::Note vendor1_note, vendor2_note, site1_note, site_note;
  VendorId vendor_id;
  SiteRef site;
  Policy policy;
  note::Note policy_note;
  Enrolment enrolment;
  note::Note enrolment_note;
  Enrolled enrolled;
  note::Note enrolled_note;
  Node agent, laptop;
  note::Note agent_note, laptop_note;
  Service service;
  note::Note service_note;

  // The epoch after `from`, edited and signed by `keys`.
  note::Note step(const Root& from, const note::Note& from_note,
                  const std::function<void(Root&)>& edit,
                  std::vector<const crypto::SigningKey*> keys);
  note::Note next_policy(
      const std::function<void(Policy&)>& edit);        // serial + 1, signed by site_root
  note::Note sign_enrolled(const Enrolled& statement);  // by agent_key and one_time
  note::Note sign_agent(const Node& node);
  note::Note sign_laptop(const Node& node);
  note::Note sign_service(const Service& service_statement);
  GrantRequest request(std::chrono::seconds length = std::chrono::seconds{900});
  note::Note ask(std::chrono::seconds length = std::chrono::seconds{
                     900});  // signed by the laptop only
  note::Note ask(const GrantRequest& request);
  note::Note approve(note::Note note, const crypto::SigningKey& key, std::string name = "approver");
  note::Note approved(std::chrono::seconds length = std::chrono::seconds{900});  // carol and bob

  std::vector<note::Note> vendor_notes() const { return {vendor1_note, vendor2_note}; }
  std::vector<note::Note> everything() const;  // all but grants, in an order that verifies

  Evidence agent_evidence(Floors floors = {});     // pins the site root; knows everything()
  Evidence laptop_evidence(Floors floors = {});    // pins the vendor genesis
  Evidence observer_evidence(Floors floors = {});  // a coordinator or vendor approver
  void pass(std::chrono::seconds time);
};

GrantId id_of(const note::Note& grant);
bool is_live(const Evidence& evidence, const GrantId& id, Now now);
// Offers `note` to `evidence`. Returns the error code, or nothing if the note was accepted.
std::optional<ErrorCode> refusal(Evidence& evidence, const note::Note& note, Now now);
std::string replaced(std::string text, std::string_view what, std::string_view with);

}  // namespace culvert::trust::testing

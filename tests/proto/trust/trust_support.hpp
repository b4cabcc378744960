// A small world to test with: one vendor (two epochs, as `culvert-coordinator init` leads to), one
// site, an agent, a laptop, approvers. Everything is made from one seed.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "proto/trust/evidence.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::trust::testing {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);  // Catch2 reports it
  return std::move(*result);
}
inline Label label(std::string_view text) { return Label::parse(text).value(); }
inline Person person(std::string_view text) { return Person::parse(text).value(); }
inline Fqdn fqdn(std::string_view text) { return Fqdn::parse(text).value(); }
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

  // The next epoch of a root, edited, signed by those keys.
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
  std::vector<note::Note> everything() const;  // all but grants, in an order that works

  Evidence agent_evidence(Floors floors = {});     // pins the site root; knows everything()
  Evidence laptop_evidence(Floors floors = {});    // pins the vendor genesis
  Evidence observer_evidence(Floors floors = {});  // a coordinator or vendor approver
  void pass(std::chrono::seconds time);
};

GrantId id_of(const note::Note& grant);
bool is_live(const Evidence& evidence, const GrantId& id, Now now);
// Offers and tells the error code, or nothing where it was accepted.
std::optional<ErrorCode> refusal(Evidence& evidence, const note::Note& note, Now now);
std::string replaced(std::string text, std::string_view what, std::string_view with);

}  // namespace culvert::trust::testing

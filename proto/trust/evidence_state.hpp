// Evidence's inside: the one place for each rule. Not for other folders.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/trust/evidence.hpp"
#include "proto/trust/evidence_records.hpp"

namespace culvert::trust {

struct Evidence::State {
  State(Pins with, Floors from) : pins(with), floors(std::move(from)) {}

  Pins pins;
  Floors floors;
  std::uint64_t revision = 1;
  std::optional<RootChain> vendor;  // once it is known which vendor
  std::map<SiteId, SiteRecord> sites;
  std::map<IdentityKey, Held<Node>> nodes;
  std::map<IdentityKey, Held<Service>> services;
  std::map<GrantId, GrantRecord> grants;
  using KeyBytes = std::array<std::uint8_t, 32>;
  std::map<KeyBytes, IdentityKey> keys;      // index of floors.nodes: whose each X25519 key is
  std::map<SiteId, std::size_t> identities;  // how many are in floors.nodes; zero: devices
  Alarms alarms;

  // evidence_state.cpp: lookups and signatures
  SiteRecord& site_record(const SiteId& id);            // made where it is missing
  const SiteRecord* usable(const SiteRef& site) const;  // vouched for, right name, right vendor
  const SiteRecord* usable(const SiteId& id) const;
  const Root* vendor_root() const { return vendor ? vendor->current() : nullptr; }
  VendorId vendor_id() const { return vendor ? to_vendor_id(vendor->pin()) : VendorId{}; }
  const Policy* policy(const SiteRecord& site) const;
  bool revoked(const IdentityKey& identity, const SiteId& site) const;
  bool in_force(const Node& node, WallTime now) const;
  const Node* node(const IdentityKey& identity, WallTime now) const;
  WallTime clock(Now now) const { return std::max(now.wall, floors.wall_high); }
  bool clock_went_back(Now now) const { return now.wall + kClockStep < floors.wall_high; }
  // Verified signers among the current keys of the vendor, the site and `more`; suspended ones left
  // out.
  Result<std::vector<note::KnownKey>> signers(const note::Note& note, const SiteRecord* site,
                                              std::span<const note::KnownKey> more = {}) const;
  Result<note::Note> keep_known(const note::Note& note, const SiteRecord* site,
                                std::span<const note::KnownKey> more) const;
  const SiteRecord* site_listing(const crypto::VerifyKey& key) const;  // null: no site's root does
  bool listed_in_a_root(const crypto::VerifyKey& key) const;
  bool entitled(const Held<Service>& held, const PolicyService& service,
                const SiteRecord& site) const;
  std::vector<Publisher> publishers(const PolicyService& service, const SiteRecord& site,
                                    WallTime now) const;

  // evidence_vouch.cpp: whether a held statement stands under the current documents
  Status vouch(const Site& site, const note::Note& note) const;
  Status vouch(const SiteRecord& site, const Policy& policy, const note::Note& note) const;
  Status vouch(const SiteRecord& site, const Enrolment& enrolment, const note::Note& note) const;
  Status vouch(const Enrolled& enrolled, const note::Note& note) const;
  Status vouch(const Node& node, const note::Note& note) const;
  Status vouch(const Service& service, const note::Note& note) const;
  // A root, a directory entry or a suspension changed: of one site, or everywhere.
  void revouch(const std::optional<SiteId>& only);
  void adopt_vendor();  // the pinned site's root says which vendor

  // evidence_offer.cpp: one function a statement
  Result<Change> offer(const note::Note& note, Now now);
  Result<Change> offer_root(const note::Note& note);
  Result<Change> offer_site(const note::Note& note);
  Result<Change> offer_policy(const note::Note& note);
  // evidence_nodes.cpp: agents and devices
  Result<Change> offer_enrolment(const note::Note& note, WallTime now);
  Result<Change> offer_node(const note::Note& note, WallTime now);
  Result<Change> offer_service(const note::Note& note, WallTime now);
  Status admit(const Node& node, const Hash& hash, WallTime now) const;
  Status check_keys(const Node& node) const;
  void index_nodes();  // `keys` and `identities`, of floors.nodes
  void forget_keys(const IdentityKey& identity);
  void prune_nodes(WallTime now);
  // evidence_enrolled.cpp: which identity has which name and which place
  Result<Change> offer_enrolled(const note::Note& note, WallTime now);
  Status admit(const Enrolled& enrolled, const Enrolment& enrolment, WallTime now) const;
  Status check_places(const SiteRecord& site, const Enrolled& enrolled,
                      const Enrolment& enrolment) const;
  Status check_name(const Enrolled& enrolled, const Enrolment& enrolment) const;
  Status check_replaced(const SiteRecord& site, const Enrolled& enrolled,
                        const Enrolment& enrolment) const;
  std::optional<IdentityKey> holder(const SiteId& site, const Label& name) const;
  bool replaced(const IdentityKey& identity) const;
  void sort_by_enrolment(std::span<const note::Note> notes, std::vector<std::size_t>& which) const;
  // evidence_grants.cpp
  Result<Change> offer_grant(const note::Note& note, Now now);
  Result<Change> offer_revocation(const note::Note& note, WallTime now);
  Result<std::optional<EndCause>> grant_revoked_by(const Revocation& revocation,
                                                   const note::Note& note) const;
  Result<Change> revoke_grant(const Revocation& revocation, const note::Note& note, WallTime now);
  void revoke_identity(const IdentityKey& key, const SiteId& site, WallTime at);
  void suspend(const crypto::VerifyKey& key);
  bool may_revoke(const Revocation& revocation, const SiteRecord* site,
                  std::span<const note::KnownKey> signers) const;

  // evidence_access.cpp: approvals and time
  Status grant_bears(const Grant& grant, const note::Note& note, WallTime now) const;
  Approval assess(const Grant& grant, const note::Note& note) const;
  void assess_grants(const std::optional<SiteId>& site, const std::optional<IdentityKey>& device);
  bool in_window(const GrantRecord& record, Now now) const;
  std::string held_back(const GrantRecord& record, Now now) const;     // empty: in force
  std::string start_barred(const GrantRecord& record, Now now) const;  // empty: it may begin
  void end(const GrantId& id, WallTime not_after, EndCause cause);
  WallTime end_of(const GrantId& id, Now now) const;  // of what is not known: the latest possible
  void advance(Now now);
  void prune(WallTime now);
  WallTime pruned;
  std::vector<LiveGrant> standing(const SiteRecord& site, Now now) const;
};

}  // namespace culvert::trust

// The register's inside: the held statements, and one function for each rule. Only for the sources
// of Register.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/trust/register/identities.hpp"
#include "proto/trust/register/limits.hpp"
#include "proto/trust/register/register.hpp"
#include "proto/trust/register/site_record.hpp"

namespace culvert::trust {

inline tl::unexpected<Error> unverified(std::string why) {
  return fail(ErrorCode::kUnverified, std::move(why));
}
// Whether a key of the group is among the signers.
inline bool any_in(const Root& root, Group group, std::span<const note::KnownKey> signers) {
  return !persons(root, group, signers).empty();
}

// kStale: the serial is older than the highest serial seen. kConflict: the same serial with another
// text. `what` names the statement in the error.
Status check_serial(std::uint64_t serial, const Hash& hash, const DocumentMark& floor,
                    const char* what);
// kStale: the statement is issued in the future.
Status check_issued(WallTime issued, WallTime now, const char* what);

struct Register::State {
  State(const Pins& pins, RegisterFloors from, BootId boot);

  // lookups.cpp
  SiteRecord& site_record(const SiteId& id);            // creates a missing record
  const SiteRecord* usable(const SiteId& id) const;     // vouched for, right name, right vendor
  const SiteRecord* usable(const SiteRef& site) const;  // and the name of this reference
  const Root& root_of(const SiteRecord& site) const { return *roots.site(site.id); }
  const Policy* policy(const SiteRecord& site) const;
  bool revoked(Revokes what, const std::array<std::uint8_t, 32>& subject, const SiteId& site) const;
  bool revoked(const Node& node) const;
  bool device_revoked(const IdentityKey& device, const SiteId& site) const;
  bool in_force(const Node& node, WallTime now) const;
  const Node* node(const IdentityKey& identity, WallTime now) const;
  std::optional<IdentityKey> holder(const SiteId& site, const Label& name) const;
  bool entitled(const Held<Service>& held, const PolicyService& service,
                const SiteRecord& site) const;
  SiteId named_site(std::string_view text, Kind kind) const;  // zero: no site that is known

  // vouch_documents.cpp, vouch_nodes.cpp: whether a statement is valid under the current documents
  Status vouch(const Site& site, const note::Note& note) const;
  Status vouch(const Places& list, const note::Note& note) const;
  Status vouch(const SiteRecord& site, const Policy& policy, const note::Note& note) const;
  Status vouch(const SiteRecord& site, const Fresh& fresh, const note::Note& note) const;
  Status vouch(const SiteRecord& site, const Enrolment& enrolment, const note::Note& note) const;
  Status vouch(const Enrolled& enrolled, const note::Note& note) const;
  Status vouch(const Node& node, const note::Note& note) const;
  Status vouch(const Service& service, const note::Note& note) const;
  Result<const Held<Enrolment>*> known_enrolment(const SiteRecord& site, const Hash& hash) const;
  // Judges the statements of one site or of all sites again, after a change of a root, a directory
  // entry or a suspension.
  void revouch(const std::optional<SiteId>& only);
  void revouch_node(const IdentityKey& identity);
  const Root* root_beside(const Node& node) const;  // the root of an agent's site; null: a device

  // offer_documents.cpp
  Result<Change> offer_root(const note::Note& note);
  Result<Change> offer_site(const note::Note& note);
  Result<Change> offer_places(const note::Note& note);
  Result<Change> offer_policy(const note::Note& note);
  Result<Change> offer_fresh(WallTime now, const note::Note& note);
  Status check_site_name(const SiteRef& site) const;
  // offer_nodes.cpp: agents and devices
  Result<Change> offer_enrolment(WallTime now, const note::Note& note);
  Result<Change> offer_node(Now now, const note::Note& note);
  Result<Change> offer_service(Now now, const note::Note& note);
  Status admit(WallTime now, const Node& node, const Hash& hash) const;
  StoreAge forget_node(Now now, WallTime end) const;
  void prune_nodes();
  // offer_enrolled.cpp: which identity has which name and which place
  Result<Change> offer_enrolled(Now now, const note::Note& note);
  Status admit(WallTime now, const Enrolled& enrolled, const Enrolment& enrolment) const;
  Status check_places(const SiteRecord& site, const Enrolled& enrolled,
                      const Enrolment& enrolment) const;
  Status check_name(const Enrolled& enrolled, const Enrolment& enrolment) const;
  Status check_replaced(const SiteRecord& site, const Enrolled& enrolled,
                        const Enrolment& enrolment) const;
  // offer_revocation.cpp
  Result<Change> offer_revocation(Now now, const note::Note& note, Origin origin);
  Result<Change> revoke_key(const Revocation& revocation, const note::Note& note, Origin origin);
  Result<Revocation> check_revocation(Now now, const note::Note& note) const;
  Status room_for(Now now, const RevokedId& id, const Revoked& entry, Origin origin) const;
  WallTime remembered_until(const Revocation& revocation) const;

  Roots roots;
  StoreClock clock;
  Identities identities;
  Revocations revocations;
  Alarms alarms;
  std::map<SiteId, SiteRecord> sites;
  std::map<IdentityKey, Held<Node>> nodes;
  std::map<IdentityKey, Held<Service>> services;
  std::optional<Held<Places>> places;            // the newest list
  std::map<SiteId, DocumentMark> policy_floors;  // highest serial and hash seen
  std::map<VendorId, DocumentMark> places_floors;
  Touched touched;
  std::uint64_t revision = 1;
  StoreAge pruned;
};

}  // namespace culvert::trust

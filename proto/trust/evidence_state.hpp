// Evidence's inside: the one place for each rule. Not for other folders.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/trust/evidence.hpp"
#include "proto/trust/evidence_lookups.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::trust {

inline tl::unexpected<Error> unverified(std::string why) {
  return fail(ErrorCode::kUnverified, std::move(why));
}
// How an offered serial stands to the highest serial seen: an older serial is stale, and the same
// serial with another text is a conflict. `what` names the statement in the error.
Status check_serial(std::uint64_t serial, const Hash& hash, std::uint64_t floor,
                    const Hash& floor_hash, const char* what);

struct Evidence::State : Lookups {
  using Lookups::Lookups;

  bool recalling = false;  // what is offered was charged already: Evidence::recall

  // evidence_vouch.cpp: whether a held statement stands under the current documents
  Status vouch(const Site& site, const note::Note& note) const;
  Status vouch(const Places& list, const note::Note& note) const;
  Status vouch(const SiteRecord& site, const Policy& policy, const note::Note& note) const;
  Status vouch(const SiteRecord& site, const Fresh& fresh, const note::Note& note) const;
  Status vouch(const SiteRecord& site, const Enrolment& enrolment, const note::Note& note) const;
  Status vouch(const Enrolled& enrolled, const note::Note& note) const;
  Status vouch(const Node& node, const note::Note& note) const;
  Status vouch(const Service& service, const note::Note& note) const;
  // A root, a directory entry or a suspension changed: of one site, or everywhere.
  void revouch(const std::optional<SiteId>& only);
  void revouch_node(const IdentityKey& identity);
  const SiteRecord* site_of(const Node& node) const;  // null: of a device
  std::vector<note::KnownKey> own_keys(const Node& node) const;
  void adopt_vendor();  // the pinned site's root says which vendor

  // evidence_roots.cpp
  Result<Change> offer_root(const note::Note& note);
  Result<Change> offer_site(const note::Note& note);
  Result<Change> offer_places(const note::Note& note);
  RootChain* chain_of(const Hash& genesis);  // null: not held
  void keep_floor(const RootChain& chain);
  Status choose_fork(const Hash& text);
  // evidence_suspend.cpp
  Suspensions suspensions(const Hash& chain) const;
  bool known_key(const crypto::PublicKey& key) const;  // some epoch of some chain lists it
  void suspend(const Revocation& revocation);
  void mark_suspended(const crypto::PublicKey& key, const Hash& chain, std::uint64_t epoch);
  void settle_suspensions(const RootChain& chain);  // named roots that are known now

  // evidence_offer.cpp: one function a statement
  Result<Change> offer(const note::Note& note, Now now);  // an alarm, where it is a conflict
  Result<Change> take(const note::Note& note, Kind kind, Now now);
  SiteId named_site(std::string_view text, Kind kind) const;  // zero: none that is known
  Result<Change> offer_policy(const note::Note& note);
  Result<Change> offer_fresh(const note::Note& note, WallTime now);
  // evidence_nodes.cpp: agents and devices
  Result<Change> offer_enrolment(const note::Note& note, WallTime now);
  Result<Change> offer_node(const note::Note& note, Now now);
  Result<Change> offer_service(const note::Note& note, Now now);
  Status admit(const Node& node, const Hash& hash, WallTime now) const;
  Status check_keys(const Node& node) const;
  void index_floors();  // `keys`, `identities` and `shares`, from the floors
  void forget_keys(const IdentityKey& identity);
  void keep(NodeFloor& floor, WallTime end, Now now) const;  // at least until then
  void prune_nodes();
  // evidence_enrolled.cpp: which identity has which name and which place
  Result<Change> offer_enrolled(const note::Note& note, Now now);
  Status admit(const Enrolled& enrolled, const Enrolment& enrolment, WallTime now) const;
  Status check_places(const SiteRecord& site, const Enrolled& enrolled,
                      const Enrolment& enrolment) const;
  Status check_name(const Enrolled& enrolled, const Enrolment& enrolment) const;
  Status check_replaced(const SiteRecord& site, const Enrolled& enrolled,
                        const Enrolment& enrolment) const;
  void sort_by_enrolment(std::span<const note::Note> notes, std::vector<std::size_t>& which) const;
  // evidence_grants.cpp
  Result<Change> offer_grant(const note::Note& note, Now now);
  Status room_for(const Grant& grant) const;  // the shares of its device and of its site
  // evidence_revoke.cpp
  Result<Change> offer_revocation(const note::Note& note, Now now);
  Result<Change> revoke_grant(const Revocation& revocation, const note::Note& note, Now now);
  Result<Change> revoke_key(const Revocation& revocation, const note::Note& note);
  Status charge(const RevokedId& id, const Revoked& entry, Now now) const;
  Status charge_suspension(const crypto::PublicKey& key) const;
  RevokingSide side_of(const crypto::PublicKey& signer, const SiteId& site) const;
  void enter(const RevokedId& id, const Revoked& entry);  // into floors.revoked and the shares
  void remember(const RevokedId& id, const Revoked& entry, const note::Note& note,
                const SiteRecord* site);
  Revoked entry_of(const Revocation& revocation, const crypto::PublicKey& signer, Now now) const;
  WallTime remembered_until(const Revocation& revocation) const;
  void prune_revocations();
  // The first, in root order, who may do this alone or with the others; nothing: nobody may.
  std::optional<crypto::PublicKey> counting_signer(const Revocation& revocation,
                                                   const SiteRecord* site,
                                                   std::span<const note::KnownKey> by) const;
  // evidence_access.cpp: approvals and time
  Status grant_bears(const Grant& grant, const note::Note& note, WallTime now) const;
  Approval assess(const Grant& grant, const note::Note& note) const;
  void assess_grants(const std::optional<SiteId>& site, const std::optional<IdentityKey>& device);
  bool in_window(const GrantRecord& record, Now now) const;
  std::string held_back(const GrantRecord& record, Now now) const;     // empty: in force
  std::string start_barred(const GrantRecord& record, Now now) const;  // empty: it may begin
  std::string documents_barred(const SiteRecord& site, Now now) const;
  void end(const GrantId& id, WallTime not_after, EndCause cause, Now now);
  WallTime end_of(const GrantId& id, Now now) const;  // of what is not known: the latest possible
  void advance(Now now);
  void prune(Now now);
  void time_standings(Now now);
  std::vector<LiveGrant> standing(const SiteRecord& site, Now now) const;
};

}  // namespace culvert::trust

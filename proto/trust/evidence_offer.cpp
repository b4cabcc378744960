#include <algorithm>

#include "proto/trust/evidence_state.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::trust {

Status check_serial(std::uint64_t serial, const Hash& hash, std::uint64_t floor,
                    const Hash& floor_hash, const char* what) {
  if (serial < floor) {
    return fail(ErrorCode::kStale, std::string(what) + ": serial " + std::to_string(serial) +
                                       " is older than " + std::to_string(floor));
  }
  if (serial == floor && hash != floor_hash) {
    return fail(ErrorCode::kConflict,
                std::string(what) + ": serial " + std::to_string(serial) + " has two texts");
  }
  return {};
}

// What contradicts has valid signatures, so its site is not made up. A directory entry may name any
// site, and the list of addresses names none: both are the vendor's.
SiteId Evidence::State::named_site(std::string_view text, Kind kind) const {
  constexpr std::string_view kField = "\nsite-id: ";
  const auto at = text.find(kField);
  if (kind == Kind::kSite || at == std::string_view::npos) return {};
  const auto value = text.substr(at + kField.size());
  const auto hash = parse_hash(value.substr(0, value.find('\n')));
  const auto id = hash ? to_site_id(*hash) : SiteId{};
  return sites.count(id) != 0 ? id : SiteId{};
}

Result<Change> Evidence::State::offer(const note::Note& note, Now now) {
  adopt_vendor();
  const auto kind = kind_of(note.text);
  if (!kind) return fail(ErrorCode::kInvalid, "note: unknown type or version");
  auto change = take(note, *kind, now);
  // Nodes raise alarms of their own, which name the identity.
  const bool own_alarm = *kind == Kind::kNode || *kind == Kind::kEnrolled;
  if (!change && change.error().code == ErrorCode::kConflict && !own_alarm) {
    alarms.raise(AlarmKind::kConflict, named_site(note.text, *kind), {}, change.error().message,
                 clock(now));
  }
  return change;
}

Result<Change> Evidence::State::take(const note::Note& note, Kind kind, Now now) {
  switch (kind) {
    case Kind::kRoot:
      return offer_root(note);
    case Kind::kSite:
      return offer_site(note);
    case Kind::kPolicy:
      return offer_policy(note);
    case Kind::kFresh:
      return offer_fresh(note, clock(now));
    case Kind::kEnrolment:
      return offer_enrolment(note, clock(now));
    case Kind::kEnrolled:
      return offer_enrolled(note, now);
    case Kind::kNode:
      return offer_node(note, now);
    case Kind::kService:
      return offer_service(note, now);
    case Kind::kGrant:
      return offer_grant(note, now);
    case Kind::kRevocation:
      return offer_revocation(note, now);
    case Kind::kPlaces:
      return offer_places(note);
    case Kind::kLease:
    case Kind::kTicket:
    case Kind::kState:
      return fail(ErrorCode::kInvalid,
                  "note: leases, tickets and states are checked where they are used");
  }
  return fail(ErrorCode::kInternal, "note: unknown kind");
}

Result<Change> Evidence::State::offer_policy(const note::Note& note) {
  auto policy = Policy::parse(note.text);
  if (!policy) return fail_with(policy.error());
  const auto* known = usable(policy->site);
  if (known == nullptr) return unverified("policy: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  auto& floor = floors.sites[site.id];
  if (site.policy && site.policy->note.text == note.text) {
    const auto more = more_lines(site.policy->note, note, &site);
    if (!more) return fail_with(more.error());
    if (*more) revouch(site.id);
    return Change{*more ? ChangeKind::kPolicy : ChangeKind::kNone, hash, site.id, {}, {}};
  }
  if (auto status = vouch(site, *policy, note); !status) return fail_with(status.error());
  if (auto status = check_serial(policy->serial, hash, floor.policy_serial, floor.policy, "policy");
      !status) {
    return fail_with(status.error());
  }
  if (policy->serial == floor.policy_serial + 1 && floor.policy_serial != 0 &&
      policy->previous != floor.policy) {
    return fail(ErrorCode::kConflict, "policy: does not follow the one that is known");
  }
  floor.policy_serial = policy->serial;
  floor.policy = hash;
  ++revision;
  site.policy = Held<Policy>{std::move(*policy), stripped(note, &site), true};
  assess_grants(site.id, {});
  return Change{ChangeKind::kPolicy, hash, site.id, {}, {}};
}

}  // namespace culvert::trust

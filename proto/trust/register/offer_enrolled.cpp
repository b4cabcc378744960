// Enrolled notes as they arrive: which identity has which name at a site, and how many identities
// an enrolment lets in.
#include <algorithm>
#include <set>

#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {

namespace {

bool includes(const std::vector<Label>& all, const std::vector<Label>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

AlarmKind alarm_of(ErrorCode code) {
  return code == ErrorCode::kExhausted ? AlarmKind::kEnrolment : AlarmKind::kName;
}

}  // namespace

// A place that was once taken never becomes free: otherwise one token could enrol nodes one after
// the other.
Status Register::State::check_places(const SiteRecord& site, const Enrolled& enrolled,
                                     const Enrolment& enrolment) const {
  std::set<IdentityKey> taken;
  for (const auto& [identity, floor] : identities.floors()) {
    if (floor.site == site.id && floor.enrolment == enrolled.enrolment) taken.insert(identity);
  }
  for (const auto& [hash, held] : site.enrolled) {
    if (held.statement.enrolment == enrolled.enrolment) taken.insert(held.statement.identity);
  }
  if (taken.count(enrolled.identity) == 0 && taken.size() >= enrolment.nodes) {
    return fail(ErrorCode::kExhausted,
                "enrolled: its token has enrolled " + std::to_string(taken.size()) +
                    " already and may not enrol more; was it copied? The customer makes a new "
                    "one with culvert site token");
  }
  if (!identities.contains(enrolled.identity) && identities.count(site.id) >= kMaxSiteNodes) {
    return fail(ErrorCode::kExhausted, "enrolled: the site has too many nodes");
  }
  return {};
}

Status Register::State::check_name(const Enrolled& enrolled, const Enrolment& enrolment) const {
  const auto* own = identities.find(enrolled.identity);
  if (own != nullptr && own->name != enrolled.name) {
    return fail(ErrorCode::kConflict, "enrolled: this identity is " + own->name.str() + " already");
  }
  const auto known = holder(enrolled.site.id, enrolled.name);
  if (known && *known != enrolled.identity && enrolment.replaces != *known) {
    return fail(ErrorCode::kConflict, "enrolled: the name " + enrolled.name.str() + " belongs to " +
                                          crypto::format_ed25519(*known) +
                                          "; to replace that node: culvert site token --name " +
                                          enrolled.name.str());
  }
  return {};
}

// The replaced node, where it is known here, has the same name and all of the new tags.
Status Register::State::check_replaced(const SiteRecord& site, const Enrolled& enrolled,
                                       const Enrolment& enrolment) const {
  if (!enrolment.replaces || *enrolment.replaces == enrolled.identity) return {};
  const auto* old = identities.find(*enrolment.replaces);
  if (old == nullptr) return {};
  if (old->site != site.id || old->name != enrolled.name) {
    return fail(ErrorCode::kConflict, "enrolled: it replaces a node of another name");
  }
  if (old->replaced) return {};  // the old node has ended already
  for (const auto& [hash, held] : site.enrolled) {
    if (held.statement.identity != *enrolment.replaces) continue;
    const auto rests_on = site.enrolments.find(held.statement.enrolment);
    if (rests_on == site.enrolments.end()) continue;
    if (includes(rests_on->second.statement.tags, enrolment.tags)) return {};
    return fail(ErrorCode::kConflict, "enrolled: it has a tag that the node before did not have");
  }
  return unverified("enrolled: the tags of the node that it replaces are not known here");
}

Status Register::State::admit(WallTime now, const Enrolled& enrolled,
                              const Enrolment& enrolment) const {
  if (auto status = check_issued(enrolled.issued, now, "enrolled"); !status) return status;
  if (now >= enrolment.renew_until + kMaxAgentLife) {
    return fail(ErrorCode::kStale, "enrolled: its time to renew is over");
  }
  if (revoked(Revokes::kNode, enrolled.identity.bytes, enrolled.site.id)) {
    return fail(ErrorCode::kDenied, "enrolled: revoked");
  }
  if (identities.replaced(enrolled.identity)) {
    return fail(ErrorCode::kDenied, "enrolled: another node replaced it");
  }
  const auto* own = identities.find(enrolled.identity);
  if (roots.lists(enrolled.identity) || (own != nullptr && own->site != enrolled.site.id)) {
    return fail(ErrorCode::kConflict,
                "enrolled: its identity key stands in a root, or is another node's");
  }
  const auto& site = sites.at(enrolled.site.id);
  if (auto status = check_places(site, enrolled, enrolment); !status) return status;
  if (auto status = check_name(enrolled, enrolment); !status) return status;
  return check_replaced(site, enrolled, enrolment);
}

Result<Change> Register::State::offer_enrolled(Now now, const note::Note& note) {
  auto enrolled = Enrolled::parse(note.text);
  if (!enrolled) return fail_with(enrolled.error());
  const auto* known = usable(enrolled->site);
  if (known == nullptr) return unverified("enrolled: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  const auto identity = enrolled->identity;
  const auto held = site.enrolled.find(hash);
  if (held != site.enrolled.end() && held->second.vouched) {
    return Change{ChangeKind::kNone, hash, site.id, {}, identity};
  }
  if (auto status = vouch(*enrolled, note); !status) return fail_with(status.error());
  const Enrolment enrolment = site.enrolments.at(enrolled->enrolment).statement;
  const auto clock_now = clock.clock(now);
  const auto about = enrolled->name.str() + " (" + crypto::format_ed25519(identity) + ") at " +
                     enrolled->site.name.str();
  if (auto status = admit(clock_now, *enrolled, enrolment); !status) {
    const auto code = status.error().code;
    if (code == ErrorCode::kConflict || code == ErrorCode::kExhausted) {
      alarms.raise(alarm_of(code), site.id, identity, about + ": " + status.error().message,
                   clock_now);
    }
    return fail_with(status.error());
  }
  if (!identities.contains(identity)) {
    alarms.raise(AlarmKind::kNewNode, site.id, identity, "new node " + about, clock_now);
  }
  identities.enrol(*enrolled, forget_node(now, enrolment.renew_until));
  if (enrolment.replaces && *enrolment.replaces != identity) {
    identities.replace(*enrolment.replaces);
  }
  ++revision;
  const bool again = held != site.enrolled.end();
  const std::vector<note::KnownKey> own = {{enrolled->name.str(), identity},
                                           {"one-time key", enrolment.key}};
  auto kept = roots.stripped(note, &root_of(site), own);
  site.enrolled.insert_or_assign(hash, Held<Enrolled>{std::move(*enrolled), std::move(kept), true});
  if (again) revouch(site.id);  // statements under the enrolled note may count again
  return Change{ChangeKind::kEnrolled, hash, site.id, {}, identity};
}

void Register::sort_by_enrolment(std::span<const note::Note> notes,
                                 std::vector<std::size_t>& which) const {
  struct Rank {
    bool unknown = true;
    WallTime made;
    Hash enrolment;
    auto operator<=>(const Rank&) const = default;
  };
  std::map<std::size_t, Rank> ranks;
  for (const auto i : which) {
    auto& rank = ranks[i];
    const auto enrolled = Enrolled::parse(notes[i].text);
    const auto site = enrolled ? state_->sites.find(enrolled->site.id) : state_->sites.end();
    if (site == state_->sites.end()) continue;
    const auto held = site->second.enrolments.find(enrolled->enrolment);
    if (held == site->second.enrolments.end()) continue;
    rank = {false, held->second.statement.not_before, enrolled->enrolment};
  }
  std::stable_sort(which.begin(), which.end(),
                   [&](auto a, auto b) { return ranks.at(a) < ranks.at(b); });
}

Status Register::check_enrolment_open(Now now, const note::Note& note) const {
  const auto enrolled = Enrolled::parse(note.text);
  if (!enrolled) return fail_with(enrolled.error());
  const auto* site = state_->usable(enrolled->site);
  if (site == nullptr) return unverified("enrolled: its site is not known here");
  if (site->enrolled.count(note::hash(note)) != 0) return {};
  const auto held = state_->known_enrolment(*site, enrolled->enrolment);
  if (!held) return fail_with(held.error());
  const auto over = (*held)->statement.not_after;
  if (now.wall < over) return {};
  return fail(ErrorCode::kStale,
              "enrolled: its enrolment ended at " + format_time(over) + "; ask for a new token");
}

}  // namespace culvert::trust

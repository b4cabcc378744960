// Which identity has which name at a site, and how many an enrolment lets in.
#include <algorithm>
#include <set>

#include "proto/trust/evidence_state.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::trust {
namespace {

bool includes(const std::vector<Label>& all, const std::vector<Label>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

AlarmKind alarm_of(ErrorCode code) {
  return code == ErrorCode::kExhausted ? AlarmKind::kEnrolment : AlarmKind::kName;
}

}  // namespace

bool Lookups::replaced(const IdentityKey& identity) const {
  const auto floor = floors.nodes.find(identity);
  return floor != floors.nodes.end() && floor->second.replaced;
}

// Who was revoked or replaced has no name any more.
std::optional<IdentityKey> Lookups::holder(const SiteId& site, const Label& name) const {
  for (const auto& [identity, floor] : floors.nodes) {
    if (floor.site != site || floor.name != name) continue;
    if (!floor.replaced && !revoked(Revokes::kNode, identity.bytes, site)) return identity;
  }
  return std::nullopt;
}

// A place that was taken once is not free again: else one token would enrol one after the other.
Status Evidence::State::check_places(const SiteRecord& site, const Enrolled& enrolled,
                                     const Enrolment& enrolment) const {
  std::set<IdentityKey> taken;
  for (const auto& [identity, floor] : floors.nodes) {
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
  const auto count = identities.find(site.id);
  if (floors.nodes.count(enrolled.identity) == 0 && count != identities.end() &&
      count->second >= kMaxSiteNodes) {
    return fail(ErrorCode::kExhausted, "enrolled: the site has too many nodes");
  }
  return {};
}

Status Evidence::State::check_name(const Enrolled& enrolled, const Enrolment& enrolment) const {
  const auto own = floors.nodes.find(enrolled.identity);
  if (own != floors.nodes.end() && own->second.name != enrolled.name) {
    return fail(ErrorCode::kConflict,
                "enrolled: this identity is " + own->second.name.str() + " already");
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

// Whom it replaces, if known here, has the same name and all of the new tags.
Status Evidence::State::check_replaced(const SiteRecord& site, const Enrolled& enrolled,
                                       const Enrolment& enrolment) const {
  if (!enrolment.replaces || *enrolment.replaces == enrolled.identity) return {};
  const auto old = floors.nodes.find(*enrolment.replaces);
  if (old == floors.nodes.end()) return {};
  if (old->second.site != site.id || old->second.name != enrolled.name) {
    return fail(ErrorCode::kConflict, "enrolled: it replaces a node of another name");
  }
  if (old->second.replaced) return {};  // it has ended already
  for (const auto& [hash, held] : site.enrolled) {
    if (held.statement.identity != *enrolment.replaces) continue;
    const auto rests_on = site.enrolments.find(held.statement.enrolment);
    if (rests_on == site.enrolments.end()) continue;
    if (includes(rests_on->second.statement.tags, enrolment.tags)) return {};
    return fail(ErrorCode::kConflict, "enrolled: it has a tag that the node before did not have");
  }
  return unverified("enrolled: the tags of the node that it replaces are not known here");
}

Status Evidence::State::admit(const Enrolled& enrolled, const Enrolment& enrolment,
                              WallTime now) const {
  if (enrolled.issued > now + kIssuedSkew) {
    return fail(ErrorCode::kStale, "enrolled: issued in the future; check the clocks");
  }
  if (now >= enrolment.renew_until + kMaxAgentLife) {
    return fail(ErrorCode::kStale, "enrolled: its time to renew is over");
  }
  if (revoked(Revokes::kNode, enrolled.identity.bytes, enrolled.site.id)) {
    return fail(ErrorCode::kDenied, "enrolled: revoked");
  }
  if (replaced(enrolled.identity)) {
    return fail(ErrorCode::kDenied, "enrolled: another node replaced it");
  }
  const auto own = floors.nodes.find(enrolled.identity);
  if (listed_in_a_root(enrolled.identity) ||
      (own != floors.nodes.end() && own->second.site != enrolled.site.id)) {
    return fail(ErrorCode::kConflict,
                "enrolled: its identity key stands in a root, or is another node's");
  }
  const auto& site = sites.at(enrolled.site.id);
  if (auto status = check_places(site, enrolled, enrolment); !status) return status;
  if (auto status = check_name(enrolled, enrolment); !status) return status;
  return check_replaced(site, enrolled, enrolment);
}

Result<Change> Evidence::State::offer_enrolled(const note::Note& note, Now now) {
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
  const auto about = enrolled->name.str() + " (" + crypto::format_ed25519(identity) + ") at " +
                     enrolled->site.name.str();
  if (auto status = admit(*enrolled, enrolment, clock(now)); !status) {
    const auto code = status.error().code;
    if (code == ErrorCode::kConflict || code == ErrorCode::kExhausted) {
      alarms.raise(alarm_of(code), site.id, identity, about + ": " + status.error().message,
                   clock(now));
    }
    return fail_with(status.error());
  }
  if (floors.nodes.count(identity) == 0) {
    ++identities[site.id];
    alarms.raise(AlarmKind::kNewNode, site.id, identity, "new node " + about, clock(now));
  }
  auto& floor = floors.nodes[identity];
  floor.site = site.id;
  floor.name = enrolled->name;
  if (floor.enrolment.is_zero()) floor.enrolment = enrolled->enrolment;
  keep(floor, enrolment.renew_until, now);
  if (enrolment.replaces && *enrolment.replaces != identity) {
    const auto old = floors.nodes.find(*enrolment.replaces);
    if (old != floors.nodes.end()) old->second.replaced = true;
  }
  ++revision;
  const bool again = held != site.enrolled.end();
  const std::vector<note::KnownKey> own = {{enrolled->name.str(), identity},
                                           {"one-time key", enrolment.key}};
  auto kept = stripped(note, &site, own);
  site.enrolled.insert_or_assign(hash, Held<Enrolled>{std::move(*enrolled), std::move(kept), true});
  if (again) revouch(site.id);  // what rests on it may count again
  return Change{ChangeKind::kEnrolled, hash, site.id, {}, identity};
}

void Evidence::State::sort_by_enrolment(std::span<const note::Note> notes,
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
    const auto site = enrolled ? sites.find(enrolled->site.id) : sites.end();
    if (site == sites.end()) continue;
    const auto held = site->second.enrolments.find(enrolled->enrolment);
    if (held == site->second.enrolments.end()) continue;
    rank = {false, held->second.statement.not_before, enrolled->enrolment};
  }
  std::stable_sort(which.begin(), which.end(),
                   [&](auto a, auto b) { return ranks.at(a) < ranks.at(b); });
}

std::vector<Result<Change>> Evidence::offer_all(std::span<const note::Note> notes, Now now) {
  std::vector<Result<Change>> out(notes.size(), unverified("not offered yet"));
  std::vector<std::size_t> enrolled;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    (kind_of(notes[i].text) == Kind::kEnrolled ? enrolled : others).push_back(i);
  }
  // Roots go first, so that a step is taken as a whole.
  std::stable_partition(others.begin(), others.end(),
                        [&](std::size_t i) { return notes[i].text.starts_with(Root::kType); });
  // Each pass accepts at least one more, or is the last.
  const auto settle = [&](const std::vector<std::size_t>& which) {
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto i : which) {
        if (out[i] || out[i].error().code != ErrorCode::kUnverified) continue;
        out[i] = state_->offer(notes[i], now);
        moved = moved || out[i].has_value();
      }
    }
  };
  settle(others);
  state_->sort_by_enrolment(notes, enrolled);  // of two with one name, the earlier enrolment's
  settle(enrolled);
  if (!enrolled.empty()) settle(others);
  state_->advance(now);
  return out;
}

std::vector<Result<Change>> Evidence::recall(std::span<const note::Note> notes, Now now) {
  state_->recalling = true;
  auto out = offer_all(notes, now);
  state_->recalling = false;
  return out;
}

std::optional<IdentityKey> Evidence::holder(const SiteId& site, const Label& name) const {
  return state_->holder(site, name);
}

// Whoever knows a node of long ago under this name needs every step that replaced it.
std::vector<note::Note> Evidence::agent_notes(const IdentityKey& identity) const {
  constexpr std::size_t kMaxSteps = 64;
  std::vector<note::Note> out;
  const auto node = state_->nodes.find(identity);
  if (node == state_->nodes.end()) return out;
  out.push_back(node->second.note);
  const auto found = state_->sites.find(node->second.statement.site.id);
  if (found == state_->sites.end()) return out;
  const auto& site = found->second;
  auto enrolled = site.enrolled.find(node->second.statement.enrolled);
  for (std::size_t i = 0; i < kMaxSteps && enrolled != site.enrolled.end(); ++i) {
    out.push_back(enrolled->second.note);
    const auto rests_on = site.enrolments.find(enrolled->second.statement.enrolment);
    if (rests_on == site.enrolments.end()) break;
    out.push_back(rests_on->second.note);
    const auto& before = rests_on->second.statement.replaces;
    enrolled = std::find_if(site.enrolled.begin(), site.enrolled.end(), [&](const auto& entry) {
      return entry.second.statement.identity == before;
    });
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<note::Note> Evidence::enrolled_notes(const SiteId& id) const {
  std::vector<note::Note> out;
  const auto site = state_->sites.find(id);
  if (site == state_->sites.end()) return out;
  for (const auto& [hash, held] : site->second.enrolments) out.push_back(held.note);
  for (const auto& [hash, held] : site->second.enrolled) out.push_back(held.note);
  return out;
}

Status Evidence::check_enrolment_open(const note::Note& note, Now now) const {
  const auto enrolled = Enrolled::parse(note.text);
  if (!enrolled) return fail_with(enrolled.error());
  const auto* site = state_->usable(enrolled->site);
  if (site == nullptr) return unverified("enrolled: of a site that is not known here");
  if (site->enrolled.count(note::hash(note)) != 0) return {};
  const auto held = site->enrolments.find(enrolled->enrolment);
  if (held == site->enrolments.end() || !held->second.vouched) {
    return unverified("enrolled: its enrolment is not known here");
  }
  if (now.wall < held->second.statement.not_after) return {};
  return fail(ErrorCode::kStale, "enrolled: its enrolment ended at " +
                                     format_time(held->second.statement.not_after) +
                                     "; ask for a new token");
}

std::vector<Alarm> Evidence::alarms() const { return state_->alarms.all(); }
std::uint64_t Evidence::alarms_raised() const { return state_->alarms.raised(); }

}  // namespace culvert::trust

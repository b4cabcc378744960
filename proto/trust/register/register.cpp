#include "proto/trust/register/register.hpp"

#include <algorithm>

#include "proto/trust/register/earliest.hpp"
#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {

Status check_serial(std::uint64_t serial, const Hash& hash, const DocumentMark& floor,
                    const char* what) {
  if (serial < floor.number) {
    return fail(ErrorCode::kStale, std::string(what) + ": serial " + std::to_string(serial) +
                                       " is older than " + std::to_string(floor.number));
  }
  if (serial == floor.number && hash != floor.hash) {
    return fail(ErrorCode::kConflict,
                std::string(what) + ": serial " + std::to_string(serial) + " has two texts");
  }
  return {};
}

Status check_issued(WallTime issued, WallTime now, const char* what) {
  if (issued <= now + kIssuedSkew) return {};
  return fail(ErrorCode::kStale, std::string(what) + ": issued in the future; check the clocks");
}

Register::State::State(const Pins& pins, RegisterFloors from, BootId boot)
    : roots(pins, from),
      clock(from.clock, boot),
      identities(std::move(from.nodes)),
      revocations(std::move(from.revoked)),
      places_floors(std::move(from.places)) {
  for (const auto& [id, floor] : from.sites) {
    policy_floors[id] = {floor.policy_serial, floor.policy};
  }
  if (pins.site_root) site_record(to_site_id(*pins.site_root)).pinned = true;
}

Register::Register(const Pins& pins, RegisterFloors floors, BootId boot)
    : state_(std::make_unique<State>(pins, std::move(floors), boot)) {}
Register::Register(std::unique_ptr<State> state) : state_(std::move(state)) {}
Register::~Register() = default;
Register::Register(Register&&) noexcept = default;
Register& Register::operator=(Register&&) noexcept = default;

Result<Change> Register::offer(Now now, Kind kind, const note::Note& note, Origin origin) {
  const auto clock = state_->clock.clock(now);
  switch (kind) {
    case Kind::kRoot:
      return state_->offer_root(note);
    case Kind::kSite:
      return state_->offer_site(note);
    case Kind::kPolicy:
      return state_->offer_policy(note);
    case Kind::kFresh:
      return state_->offer_fresh(clock, note);
    case Kind::kEnrolment:
      return state_->offer_enrolment(clock, note);
    case Kind::kEnrolled:
      return state_->offer_enrolled(now, note);
    case Kind::kNode:
      return state_->offer_node(now, note);
    case Kind::kService:
      return state_->offer_service(now, note);
    case Kind::kRevocation:
      return state_->offer_revocation(now, note, origin);
    case Kind::kPlaces:
      return state_->offer_places(note);
    case Kind::kGrant:
    case Kind::kLease:
    case Kind::kTicket:
    case Kind::kState:
      return fail(ErrorCode::kInvalid,
                  "note: leases, tickets and states are checked where they are used");
  }
  return fail(ErrorCode::kInternal, "note: unknown kind");
}

// Conflicts about nodes have raised their own alarms already, which name the identity.
void Register::report_conflict(Now now, Kind kind, const note::Note& note, std::string message) {
  if (kind == Kind::kNode || kind == Kind::kEnrolled) return;
  state_->alarms.raise(AlarmKind::kConflict, state_->named_site(note.text, kind), {},
                       std::move(message), state_->clock.clock(now));
}

void Register::pin_site(const SiteId& id) {
  state_->site_record(id).pinned = true;
  state_->revouch(id);
}

Status Register::choose_fork(const Hash& text) {
  auto chosen = state_->roots.choose_fork(text);
  if (chosen) state_->revouch({});
  return chosen;
}

Touched Register::take_touched() { return std::exchange(state_->touched, {}); }

void Register::advance(Now now) {
  state_->clock.advance(now);
  const auto age = state_->clock.stored().age;
  if (age.seconds < state_->pruned.seconds + kPruneEvery) return;
  state_->pruned = age;
  state_->prune_nodes();
  if (state_->revocations.forget(age)) ++state_->revision;
}

void Register::reset_clock(Now now) {
  state_->clock.reset(now.wall);
  ++state_->revision;
}

Instant Register::next_change(Now now) const {
  Earliest out(now, state_->clock.clock(now));
  for (const auto& [identity, held] : state_->nodes) {
    if (held.vouched) out.at(held.statement.expires);
  }
  for (const auto& [identity, held] : state_->services) {
    if (held.vouched) out.at(held.statement.expires);
  }
  for (const auto& [id, site] : state_->sites) {
    const auto* rules = policy(id);
    if (rules == nullptr || !rules->fresh || !site.fresh) continue;
    out.at(site.fresh->statement.issued + *rules->fresh);
  }
  return out.first();
}

RegisterFloors Register::floors() const {
  RegisterFloors out;
  out.clock = state_->clock.stored();
  out.vendors = state_->roots.vendor_floors();
  for (const auto& [id, floor] : state_->roots.site_floors()) {
    const auto policy = state_->policy_floors.find(id);
    const auto mark = policy == state_->policy_floors.end() ? DocumentMark{} : policy->second;
    out.sites[id] = {floor.name, floor.root, mark.number, mark.hash};
  }
  out.nodes = state_->identities.floors();
  out.revoked = state_->revocations.entries();
  out.suspended = state_->roots.suspended().epochs();
  out.suspended_at = state_->roots.suspended().named();
  out.places = state_->places_floors;
  return out;
}

std::uint64_t Register::revision() const { return state_->revision + state_->roots.revision(); }

const Roots& Register::roots() const { return state_->roots; }
const StoreClock& Register::clock() const { return state_->clock; }
const Alarms& Register::alarms() const { return state_->alarms; }
const Revocations& Register::revocations() const { return state_->revocations; }

}  // namespace culvert::trust

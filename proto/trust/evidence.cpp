#include "proto/trust/evidence.hpp"

#include <algorithm>

#include "proto/trust/grants/leased_documents.hpp"

namespace culvert::trust {
namespace {

void add(std::vector<note::Note>& out, std::span<const note::Note> more) {
  out.insert(out.end(), more.begin(), more.end());
}

}  // namespace

struct Evidence::State {
  State(const Pins& pins, Floors floors, BootId boot)
      : who(pins, std::move(static_cast<RegisterFloors&>(floors)), boot),
        grants(who, std::move(static_cast<GrantFloors&>(floors)), pins.observer) {}

  Result<Change> take(Now now, const note::Note& note, Kind kind, Origin origin);
  Result<Change> offer(Now now, const note::Note& note, Origin origin);
  std::vector<Result<Change>> offer_all(Now now, std::span<const note::Note> notes, Origin origin);
  void advance(Now now);

  Register who;
  Grants grants;
};

Result<Change> Evidence::State::take(Now now, const note::Note& note, Kind kind, Origin origin) {
  if (kind == Kind::kGrant) return grants.offer(now, note, origin);
  if (kind == Kind::kRevocation) {
    const auto revocation = Revocation::parse(note.text);
    if (!revocation) return fail_with(revocation.error());
    if (revocation->what == Revokes::kGrant) return grants.revoke(now, note, origin);
  }
  return who.offer(now, kind, note, origin);
}

Result<Change> Evidence::State::offer(Now now, const note::Note& note, Origin origin) {
  const auto kind = kind_of(note.text);
  if (!kind) return fail(ErrorCode::kInvalid, "note: unknown type or version");
  auto change = take(now, note, *kind, origin);
  if (!change && change.error().code == ErrorCode::kConflict) {
    who.report_conflict(now, *kind, note, change.error().message);
  }
  grants.reassess(who.take_touched());
  return change;
}

std::vector<Result<Change>> Evidence::State::offer_all(Now now, std::span<const note::Note> notes,
                                                       Origin origin) {
  std::vector<std::optional<Result<Change>>> answers(notes.size());
  std::vector<std::size_t> enrolled;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    (kind_of(notes[i].text) == Kind::kEnrolled ? enrolled : others).push_back(i);
  }
  // Roots go first, so that a step is taken as a whole.
  std::stable_partition(others.begin(), others.end(),
                        [&](std::size_t i) { return notes[i].text.starts_with(Root::kType); });
  const auto settled = [&](std::size_t i) {
    return answers[i] && (*answers[i] || answers[i]->error().code != ErrorCode::kUnverified);
  };
  // Each pass takes at least one more note; a pass that takes none is the last.
  const auto settle = [&](const std::vector<std::size_t>& which) {
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto i : which) {
        if (settled(i)) continue;
        answers[i] = offer(now, notes[i], origin);
        moved = moved || answers[i]->has_value();
      }
    }
  };
  settle(others);
  who.sort_by_enrolment(notes, enrolled);  // of two with one name, the earlier enrolment's
  settle(enrolled);
  if (!enrolled.empty()) settle(others);
  advance(now);
  std::vector<Result<Change>> out;
  for (auto& answer : answers) out.push_back(std::move(*answer));
  return out;
}

void Evidence::State::advance(Now now) {
  who.advance(now);
  grants.advance(now);
}

Evidence::Evidence(const Pins& pins, Floors floors, BootId boot)
    : state_(std::make_unique<State>(pins, std::move(floors), boot)) {}
Evidence::~Evidence() = default;
Evidence::Evidence(Evidence&&) noexcept = default;
Evidence& Evidence::operator=(Evidence&&) noexcept = default;

void Evidence::pin_site(const SiteId& id) {
  state_->who.pin_site(id);
  state_->grants.reassess(state_->who.take_touched());
}

Result<Change> Evidence::offer(Now now, const note::Note& note) {
  auto change = state_->offer(now, note, Origin::kCarrier);
  if (change) state_->advance(now);
  return change;
}

Result<Change> Evidence::offer(Now now, std::string_view note) {
  const auto parsed = note::parse(note);
  if (!parsed) return fail_with(parsed.error());
  return offer(now, *parsed);
}

std::vector<Result<Change>> Evidence::offer_all(Now now, std::span<const note::Note> notes) {
  return state_->offer_all(now, notes, Origin::kCarrier);
}

std::vector<Result<Change>> Evidence::recall(Now now, std::span<const note::Note> notes) {
  return state_->offer_all(now, notes, Origin::kStore);
}

void Evidence::advance(Now now) { state_->advance(now); }

Instant Evidence::next_change(Now now) const {
  return std::min(state_->who.next_change(now), state_->grants.next_change(now));
}

Status Evidence::choose_fork(const Hash& text) {
  auto chosen = state_->who.choose_fork(text);
  state_->grants.reassess(state_->who.take_touched());
  return chosen;
}

std::vector<std::string> Evidence::what_ends(const Root& next) const {
  const auto after = state_->who.under(next);
  if (!after) return {};
  auto out = state_->who.lost_in(*after);
  for (const auto& id : state_->grants.lost_under(*after)) out.push_back("the grant " + id.str());
  return out;
}

std::vector<note::Note> Evidence::supporting_notes(const GrantId& id) const {
  const auto* grant = state_->grants.grant(id);
  if (grant == nullptr) return {};
  auto out = state_->who.supporting_notes(grant->site.id, grant->device, grant->service);
  out.push_back(*state_->grants.note(id));
  return out;
}

std::vector<note::Note> Evidence::notes() const {
  auto out = state_->who.notes();
  add(out, state_->grants.notes());
  for (const auto& [id, note] : state_->who.revocations().notes().all()) out.push_back(note);
  return out;
}

const note::Note* Evidence::held(const Change& change) const {
  if (change.kind != ChangeKind::kGrant) return state_->who.held(change);
  const auto* out = change.grant ? state_->grants.note(*change.grant) : nullptr;
  return out != nullptr && note::hash(*out) == change.statement ? out : nullptr;
}

note::Note Evidence::known_lines(const note::Note& note) const {
  const auto revocation = Revocation::parse(note.text);
  if (!revocation) return note;
  if (revocation->what == Revokes::kGrant) return state_->grants.known_lines(*revocation, note);
  return state_->who.known_lines(*revocation, note);
}

// --- who is who ---
const Register& Evidence::who() const { return state_->who; }
const Root* Evidence::vendor_root() const { return who().roots().vendor(); }
VendorId Evidence::vendor_id() const { return who().roots().vendor_id(); }
const Root* Evidence::site_root(const SiteId& id) const { return who().site_root(id); }
const Places* Evidence::places() const { return who().places(); }
const Policy* Evidence::policy(const SiteId& id) const { return who().policy(id); }

std::optional<Hash> Evidence::policy_hash(const SiteId& id) const {
  if (policy(id) == nullptr) return std::nullopt;
  return who().documents(id).policy.hash;
}

std::optional<SiteRef> Evidence::site(const Fqdn& name) const { return who().site(name); }
std::vector<SiteRef> Evidence::sites() const { return who().sites(); }

const Node* Evidence::node(Now now, const IdentityKey& identity) const {
  return who().node(now, identity);
}

std::vector<Node> Evidence::nodes(Now now) const { return who().nodes(now); }

std::vector<Publisher> Evidence::publishers(Now now, const Fqdn& service) const {
  const auto name = service.site();
  const auto ref = name ? site(*name) : std::nullopt;
  const auto* rules = ref ? policy(ref->id) : nullptr;
  const auto* listed = rules == nullptr ? nullptr : rules->service(service);
  if (listed == nullptr) return {};
  return who().publishers(now, ref->id, *listed);
}

std::optional<IdentityKey> Evidence::holder(const SiteId& site, const Label& name) const {
  return who().holder(site, name);
}

bool Evidence::device_ended(const IdentityKey& device, const SiteId& site) const {
  return who().device_ended(device, site);
}

bool Evidence::node_ended(const IdentityKey& node, const SiteId& site) const {
  return who().node_ended(node, site);
}

KnownDocuments Evidence::documents(const SiteId& id) const { return who().documents(id); }

Status Evidence::check_enrolment_open(Now now, const note::Note& enrolled) const {
  return who().check_enrolment_open(now, enrolled);
}

bool Evidence::forked() const {
  bool out = false;
  who().roots().each([&](const RootChain& chain) { out = out || chain.forked(); });
  return out;
}

std::vector<RootFork> Evidence::forks() const {
  std::vector<RootFork> out;
  who().roots().each([&](const RootChain& chain) {
    if (auto fork = chain.fork()) out.push_back(std::move(*fork));
  });
  return out;
}

std::vector<note::Note> Evidence::rivals() const {
  std::vector<note::Note> out;
  who().roots().each([&](const RootChain& chain) {
    out.insert(out.end(), chain.rivals().begin(), chain.rivals().end());
  });
  return out;
}

std::vector<Alarm> Evidence::alarms() const { return who().alarms().all(); }
std::uint64_t Evidence::alarms_raised() const { return who().alarms().raised(); }

// --- notes ---
const note::Note* Evidence::grant_note(const GrantId& id) const { return state_->grants.note(id); }

const note::Note* Evidence::node_note(const IdentityKey& identity) const {
  return who().node_note(identity);
}

std::vector<note::Note> Evidence::agent_notes(const IdentityKey& identity) const {
  return who().agent_notes(identity);
}

std::vector<note::Note> Evidence::enrolled_notes(const SiteId& id) const {
  return who().enrolled_notes(id);
}

std::vector<note::Note> Evidence::chain_notes() const { return who().chain_notes(); }

std::vector<note::Note> Evidence::chain_notes(const SiteId& id) const {
  return who().chain_notes(id);
}

const note::Note* Evidence::revocation_of(const GrantId& id, const SiteId& site) const {
  return who().revocations().notes().find(revoked_grant(id, site));
}

std::optional<crypto::PublicKey> Evidence::charged_to(const note::Note& note) const {
  const auto revocation = Revocation::parse(note.text);
  if (!revocation) return std::nullopt;
  if (revocation->what == Revokes::kKey) return revocation->key;
  const auto* entry = who().revocations().find(revoked_id(*revocation));
  return entry == nullptr ? std::nullopt : std::optional(entry->signer);
}

std::vector<note::Note> Evidence::revocation_notes(const SiteId& id) const {
  return who().revocations().notes().of(id);
}

DocumentMark Evidence::revocations(const SiteId& id) const {
  return who().revocations().notes().mark(id);
}

// --- access and local decisions ---
const Grant* Evidence::grant(const GrantId& id) const { return state_->grants.grant(id); }
std::vector<GrantId> Evidence::grants() const { return state_->grants.ids(); }

RequestState Evidence::state(Now now, const GrantId& id) const {
  return state_->grants.state(now, id);
}

bool Evidence::ended(const GrantId& id) const { return state_->grants.ended(id); }
std::vector<LiveGrant> Evidence::live(Now now) const { return state_->grants.live(now); }

Status Evidence::check_request(Now now, const note::Note& note) const {
  return state_->grants.check_request(now, note);
}

Result<VerifiedLease> Evidence::verify_lease(const note::Note& note) const {
  return trust::verify_lease(who(), note);
}

void Evidence::heed(const Lease& verified, RootKind by) { state_->grants.heed(verified, by); }
void Evidence::claim(Now now, const GrantId& id) { state_->grants.claim(now, id); }
void Evidence::deny(Now now, const GrantId& id) { state_->grants.deny(now, id); }
void Evidence::set_lock(bool locked) { state_->grants.set_lock(locked); }
bool Evidence::locked() const { return state_->grants.locked(); }
bool Evidence::clock_went_back(Now now) const { return who().clock().went_back(now); }

void Evidence::reset_clock(Now now) {
  state_->grants.end_all(now);
  state_->who.reset_clock(now);
}

Floors Evidence::floors() const { return {who().floors(), state_->grants.floors()}; }

std::uint64_t Evidence::floors_revision() const {
  return who().revision() + state_->grants.revision();
}

StoreAge Evidence::age() const { return who().clock().stored().age; }

StoreAge Evidence::forget_at(Now now, WallTime end) const {
  return who().clock().forget_at(now, end, {});
}

}  // namespace culvert::trust

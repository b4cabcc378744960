// Revocations of devices, nodes, enrolments and keys as they arrive, and for how long revocations
// are remembered.
#include <algorithm>

#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {

namespace {

RevokingSide side_of(const Roots& roots, const crypto::PublicKey& signer, const SiteId& site) {
  const auto* vendor = roots.vendor_chain();
  if (vendor != nullptr && vendor->ever_listed(signer)) return RevokingSide::kVendor;
  const auto* customer = roots.site_chain(site);
  const bool customers = customer != nullptr && customer->ever_listed(signer);
  return customers ? RevokingSide::kCustomer : RevokingSide::kDevice;
}

}  // namespace

// A revocation is remembered for as long as the revoked thing could come back.
WallTime Register::State::remembered_until(const Revocation& revocation) const {
  const auto enrolment_end = [&](const Hash& hash) -> std::optional<WallTime> {
    const auto site = sites.find(revocation.site->id);
    if (site == sites.end()) return std::nullopt;
    const auto held = site->second.enrolments.find(hash);
    if (held == site->second.enrolments.end()) return std::nullopt;
    return held->second.statement.renew_until;
  };
  std::optional<WallTime> end;
  if (revocation.what == Revokes::kEnrolment) end = enrolment_end(revocation.enrolment);
  if (revocation.what == Revokes::kNode) {
    // The floor of the identity names the enrolment that let the node in.
    const auto* floor = identities.find(revocation.identity());
    if (floor != nullptr) end = enrolment_end(floor->enrolment);
  }
  return end ? std::max(*end, revocation.issued) + kRevocationKeep : matters_until(revocation);
}

Status Register::State::room_for(Now now, const RevokedId& id, const Revoked& entry,
                                 Origin origin) const {
  if (entry.until <= clock.clock(now)) {
    return fail(ErrorCode::kStale, "revocation: what it ends is over");
  }
  if (origin == Origin::kStore) return {};
  return revocations.room_for(
      id, entry, [&](const crypto::PublicKey& signer) { return side_of(roots, signer, id.site); });
}

Result<Revocation> Register::State::check_revocation(Now now, const note::Note& note) const {
  auto revocation = Revocation::parse(note.text);
  if (!revocation) return revocation;
  if (roots.vendor() == nullptr || revocation->vendor_id != roots.vendor_id()) {
    return unverified("revocation: its vendor is not known here");
  }
  if (revocation->site && usable(*revocation->site) == nullptr) {
    return unverified("revocation: its site is not known here");
  }
  if (auto status = check_issued(revocation->issued, clock.clock(now), "revocation"); !status) {
    return fail_with(status.error());
  }
  return revocation;
}

Result<Change> Register::State::offer_revocation(Now now, const note::Note& note, Origin origin) {
  const auto revocation = check_revocation(now, note);
  if (!revocation) return fail_with(revocation.error());
  if (revocation->what == Revokes::kGrant) {
    return fail(ErrorCode::kInternal, "revocation: of a grant, which the register does not know");
  }
  if (revocation->what == Revokes::kKey) return revoke_key(*revocation, note, origin);

  const auto* root = revocation->site ? roots.site(revocation->site->id) : nullptr;
  const auto id = revoked_id(*revocation);
  Change change{ChangeKind::kRevocation, note::hash(note), {}, {}, {}};
  if (revocation->what != Revokes::kEnrolment) change.identity = revocation->identity();
  if (revocation->site) change.site = revocation->site->id;
  const auto* held = revocations.notes().find(id);
  if (held != nullptr && held->text == note.text) {
    auto merged = *held;
    const auto more = roots.more_lines(merged, note, root);
    if (!more) return fail_with(more.error());
    if (!*more) change.kind = ChangeKind::kNone;
    if (*more) revocations.keep_note(id, std::move(merged));
    return change;
  }
  const auto by = roots.signers(note, root);
  if (!by) return fail_with(by.error());
  const auto signer = counting_signer(*revocation, roots.vendor(), root, *by);
  if (!signer) return unverified("revocation: nobody who may do so has signed it");
  const auto until = remembered_until(*revocation);
  const Revoked entry{until, clock.forget_at(now, until, {}), *signer};
  if (auto room = room_for(now, id, entry, origin); !room) return fail_with(room.error());
  const auto* known = revocations.find(id);
  if (known != nullptr && held != nullptr && entry.until <= known->until) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  revocations.extend(id, entry);
  revocations.keep_note(id, roots.stripped(note, root));
  ++revision;
  if (revocation->what == Revokes::kEnrolment) revouch(change.site);
  return change;
}

Result<Change> Register::State::revoke_key(const Revocation& revocation, const note::Note& note,
                                           Origin origin) {
  Change change{ChangeKind::kRevocation, note::hash(note), {}, {}, {}};
  const note::KnownKey own{"its holder", revocation.key};
  const auto kept = note::keep_known(note, std::span<const note::KnownKey>(&own, 1));
  if (!kept) return fail_with(kept.error());
  if (kept->signatures.empty()) return unverified("revocation: the key itself has not signed it");
  if (!roots.ever_listed(revocation.key)) {
    return unverified("revocation: no root known here lists the key");
  }
  const auto id = revoked_id(revocation);
  const bool again = roots.suspended().contains(revocation.key);
  if (again && revocations.notes().contains(id)) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  if (!again && origin == Origin::kCarrier) {
    auto room = roots.room_to_suspend(revocation.key);
    if (!room) return fail_with(room.error());
  }
  revocations.keep_note(id, *kept);
  if (again) return change;
  roots.suspend(revocation.key, revocation.roots);
  revouch({});
  return change;
}

Result<Revocation> Register::check_revocation(Now now, const note::Note& note) const {
  return state_->check_revocation(now, note);
}

note::Note Register::known_lines(const Revocation& revocation, const note::Note& note) const {
  std::vector<note::KnownKey> own;
  if (revocation.what == Revokes::kKey) own.push_back({"its holder", revocation.key});
  const auto* root = revocation.site ? site_root(*revocation.site) : nullptr;
  return state_->roots.stripped(note, root, own);
}

Status Register::charge(Now now, const Revocation& of_grant, const crypto::PublicKey& signer,
                        note::Note note, std::chrono::seconds keep, Origin origin) {
  const auto id = revoked_id(of_grant);
  const auto until = matters_until(of_grant);
  const Revoked entry{until, state_->clock.forget_at(now, until, keep), signer};
  if (auto room = state_->room_for(now, id, entry, origin); !room) return room;
  state_->revocations.enter(id, entry);
  state_->revocations.keep_note(id, std::move(note));
  return {};
}

}  // namespace culvert::trust

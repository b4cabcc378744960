// Revocations of grants as they arrive.
#include "proto/trust/grants/grants_state.hpp"

namespace culvert::trust {
namespace {

// The device's key, which may also revoke the grant.
std::vector<note::KnownKey> requester_of(const GrantRecord* held) {
  if (held == nullptr) return {};
  return {{"device", held->grant.device}};
}

}  // namespace

Result<Change> Grants::revoke(Now now, const note::Note& note, Origin origin) {
  auto& state = *state_;
  const auto revocation = state.who.check_revocation(now, note);
  if (!revocation) return fail_with(revocation.error());
  const auto& roots = state.who.roots();
  const auto& site = *revocation->site;  // the revocation of a grant always names the site
  const auto* root = state.who.site_root(site);
  const auto id = revocation->grant;
  Change change{ChangeKind::kRevocation, note::hash(note), site.id, id, {}};
  const auto* held = state.find(id);
  const auto own = requester_of(held);
  const auto by = roots.signers(note, root, own);
  if (!by) return fail_with(by.error());
  const auto approver = counting_signer(*revocation, roots.vendor(), root, *by);
  const bool requester = !own.empty() && std::any_of(by->begin(), by->end(), [&](const auto& k) {
    return k.key == own.front().key;
  });
  if (!approver && !requester) {
    return fail(ErrorCode::kUnverified, "revocation: nobody who may do so has signed it");
  }
  if (held != nullptr &&
      (held->grant.site != site || held->grant.not_after != revocation->not_after)) {
    return fail(ErrorCode::kConflict,
                "revocation: the grant " + id.str() + " has another site or end");
  }
  const auto& revocations = state.who.revocations();
  const auto revoked = revoked_id(*revocation);
  const bool ended = state.ended.contains(id);
  if (ended && (revocations.notes().contains(revoked) || !revocations.contains(revoked))) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  if (held == nullptr &&
      revocation->not_after > state.clock(now) + kMaxAhead + kMaxClaim + kMaxGrantTime) {
    return fail(ErrorCode::kInvalid, "revocation: no grant ends so late");
  }
  auto kept = roots.keep_known(note, root, own);
  if (!kept) return fail_with(kept.error());
  const auto signer = approver ? *approver : own.front().key;
  // The revocation stays in its signer's share for as long as the grant's tombstone is kept.
  auto charged =
      state.who.charge(now, *revocation, signer, std::move(*kept), kTombstoneKeep, origin);
  if (!charged) return fail_with(charged.error());
  if (ended) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  const bool complete = held == nullptr || held->approval.complete();
  state.end(now, id, revocation->not_after,
            complete   ? EndCause::kRevoked
            : approver ? EndCause::kDenied
                       : EndCause::kWithdrawn);
  return change;
}

note::Note Grants::known_lines(const Revocation& revocation, const note::Note& note) const {
  const auto* root = revocation.site ? state_->who.site_root(*revocation.site) : nullptr;
  return state_->who.roots().stripped(note, root, requester_of(state_->find(revocation.grant)));
}

}  // namespace culvert::trust

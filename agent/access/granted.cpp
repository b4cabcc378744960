#include "agent/access/granted.hpp"

#include <algorithm>

namespace culvert::agent {
namespace {

audit::Entry entry_of(audit::Kind kind, const Right& right) {
  audit::Entry entry;
  entry.kind = kind;
  entry.who = right.live.grant.requester.str();
  entry.device = crypto::format_ed25519(right.live.device.identity);
  entry.site = right.live.grant.site.name.str();
  entry.grant = right.live.grant.id.str();
  entry.service = right.live.service.name.str();
  return entry;
}

const Right* of_service(const Rights& rights, const trust::LiveGrant& live) {
  const auto found = std::find_if(rights.begin(), rights.end(), [&](const auto& one) {
    return one.second.live.service.name == live.service.name;
  });
  return found == rights.end() ? nullptr : &found->second;
}

}  // namespace

void Granted::decide(Now now, const std::vector<trust::LiveGrant>& live, const Silent& silent,
                     bool may_begin) {
  Rights before = desired(now, live, silent, may_begin);
  before.swap(rights_);
  permits_ = permits_of(rights_, basis_.options.role, permits_.peers);
  for (const auto& [id, old] : before) {
    const auto still = rights_.find(id);
    if (still != rights_.end() && still->second.permit() == old.permit()) continue;
    Ended ended{old, end_of(now, old), std::nullopt};
    if (still != rights_.end()) ended.moved_to = still->second.other.name.str();
    // A grant that extends the old one may have the same permit: then the flows go on.
    if (!permits_.flows.contains(old.permit())) {
      permits_.ended.emplace(old.permit(), ended.end.text);
    }
    ended_.push_back(std::move(ended));
  }
}

Rights Granted::desired(Now now, const std::vector<trust::LiveGrant>& live, const Silent& silent,
                        bool may_begin) {
  Rights next;
  const bool broken = basis_.journal.broken(now);
  if (broken && !broken_said_) {
    basis_.log(LogLevel::kError, "the audit log cannot be written: everything is cut",
               "free space or repair the state folder");
  }
  broken_said_ = broken;
  if (broken) return next;
  for (const trust::LiveGrant& one : live) {
    if (!leases_.covers(now, one)) continue;
    auto right = right_for(one, next, silent);
    if (!right) continue;
    if (!rights_.contains(one.grant.id) && (!may_begin || !begin(now, *right))) continue;
    next.emplace(one.grant.id, std::move(*right));
  }
  return next;
}

// The right of a grant, unless the grant has no publisher or its peer's key belongs to another
// node. On a laptop all grants for a service lead to one publisher, since the service's address has
// one route.
std::optional<Right> Granted::right_for(const trust::LiveGrant& one, const Rights& so_far,
                                        const Silent& silent) {
  const auto& options = basis_.options;
  const bool chooses = options.role == Role::kDevice;
  const Right* keep = chooses ? of_service(so_far, one) : nullptr;
  if (chooses && keep == nullptr) keep = of_service(rights_, one);
  auto right = right_of(one, options.role, basis_.self(), keep, silent);
  if (!right) return std::nullopt;
  if (is_disputed(right->other, so_far, permits_.peers)) {
    if (disputed_.size() < kMaxDisputed && disputed_.insert(one.grant.id).second) {
      basis_.log(LogLevel::kError,
                 "a grant is not in force: another node has the same WireGuard key",
                 one.grant.id.str() + " " + right->other.name.str());
    }
    return std::nullopt;
  }
  disputed_.erase(one.grant.id);
  if (!options.sound_issuer || !options.sound_issuer(right->issuer, one.grant.site.name.str())) {
    right->issuer.clear();
  }
  return right;
}

// True: the audit entry of the new right is durable.
bool Granted::begin(Now now, const Right& right) {
  if (!basis_.journal.opening(now, entry_of(audit::Kind::kGrantActive, right))) return false;
  const auto& live = right.live;
  basis_.log(LogLevel::kInfo, "grant in force",
             live.grant.id.str() + " " + live.grant.requester.str() + " " +
                 live.service.name.str() +
                 (right.waits_for_claim() ? ", to be claimed by " + format_time(live.grant.claim_by)
                                          : " until " + format_time(live.ends)));
  return true;
}

void Granted::record_ends(Now now) {
  for (const Ended& one : std::exchange(ended_, {})) {
    const auto grant = one.right.live.grant.id.str();
    if (one.moved_to) {
      basis_.log(LogLevel::kInfo, "grant moved",
                 grant + ": from " + one.right.other.name.str() + " to " + *one.moved_to);
      continue;
    }
    const bool lapsed = one.end.by == EndedBy::kLease;
    auto entry = entry_of(lapsed ? audit::Kind::kLeaseLapsed : audit::Kind::kGrantEnded, one.right);
    entry.outcome = one.end.text;
    basis_.journal.ending(now, std::move(entry));
    basis_.log(LogLevel::kInfo, "grant ended", grant + ": " + one.end.text);
  }
}

RightEnd Granted::end_of(Now now, const Right& right) const {
  const RightEnd lapsed{EndedBy::kLease, "lease lapsed"};
  if (basis_.journal.broken(now)) return {EndedBy::kAuditLog, "audit log unwritable"};
  if (basis_.evidence.locked()) return {EndedBy::kLock, "locked"};
  const bool leased = leases_.covers(now, right.live);
  if (right.live.standing) {
    return leased ? RightEnd{EndedBy::kPolicy, "policy changed"} : lapsed;
  }
  const trust::RequestState state = basis_.evidence.state(now, right.live.grant.id);
  switch (state.phase) {
    case trust::RequestPhase::kApproved:
    case trust::RequestPhase::kActive:
      if (state.obstacle) return {EndedBy::kStatements, state.obstacle->message};
      return leased ? RightEnd{EndedBy::kPublisher, "publisher changed"} : lapsed;
    case trust::RequestPhase::kInvalid:
    case trust::RequestPhase::kPending:
      return {EndedBy::kStatements, state.obstacle ? state.obstacle->message : "no longer borne"};
    case trust::RequestPhase::kCompleted:
    case trust::RequestPhase::kExpired:
    case trust::RequestPhase::kRevoked:
    case trust::RequestPhase::kDenied:
    case trust::RequestPhase::kWithdrawn:
      break;
  }
  return {EndedBy::kStatements, std::string(trust::phase_name(state.phase))};
}

}  // namespace culvert::agent

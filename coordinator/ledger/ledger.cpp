#include "coordinator/ledger/ledger.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "proto/crypto/hash.hpp"
#include "proto/trust/statements/enrolment.hpp"
#include "proto/trust/statements/revocation.hpp"

namespace culvert::coordinator {
namespace {

using trust::Kind;

bool is_own(const AuditRow& row) { return row.source == kOwnSource; }

}  // namespace

Ledger::Ledger(Store& store, trust::BootId boot) : store_(store), boot_(boot), evidence_({}, {}) {}

Status Ledger::may_take(Now now, Kind kind, const note::Note& note) const {
  const auto unknown = [] {
    return fail(ErrorCode::kNotFound,
                "this coordinator does not serve that site or vendor (its operator adds them with "
                "culvert-coordinator site add, vendor add)");
  };
  const auto reserved = kind == Kind::kRevocation ? 0 : kReservedForRevocations;
  if (held_.size() + reserved >= kMaxStoredNotes) {
    return fail(ErrorCode::kExhausted, "the coordinator holds as many statements as it may");
  }
  if (kind == Kind::kLease || kind == Kind::kTicket || kind == Kind::kState) {
    return fail(ErrorCode::kDenied, "leases, tickets and states are not stored");
  }
  if (kind == Kind::kNode) {
    const auto node = trust::Node::parse(note.text);
    if (!node) return fail_with(node.error());
    const bool agent = node->kind == trust::NodeKind::kAgent;
    if (agent && !sites_.contains(node->site.id)) return unknown();
  }
  if (kind == Kind::kEnrolled) return evidence_.check_enrolment_open(now, note);
  if (kind == Kind::kSite) {
    const auto site = trust::Site::parse(note.text);
    if (!site) return fail_with(site.error());
    if (!sites_.contains(site->site.id)) return unknown();
  }
  if (kind == Kind::kRoot) {
    const auto root = trust::Root::parse(note.text);
    if (!root) return fail_with(root.error());
    const auto genesis = root->genesis_hash(note::hash(note));
    if (root->kind == trust::RootKind::kSite && !sites_.contains(trust::to_site_id(genesis))) {
      return unknown();
    }
    if (root->kind == trust::RootKind::kVendor && !has_vendor_) return unknown();
  }
  return {};
}

Result<trust::Change> Ledger::take(Now now, const note::Note& note) {
  const auto kind = trust::kind_of(note.text);
  if (!kind) return take_further(now, note);
  if (auto may = may_take(now, *kind, note); !may) return fail_with(may.error());
  if (!held_.contains(note::hash(note))) {
    const auto shares = shares_of(*kind, note);
    if (auto has = has_share(now, note, shares); !has) return fail_with(has.error());
  }
  const auto old = superseded(*kind, note);
  auto change = evidence_.offer(now, note);
  if (!change || change->kind == trust::ChangeKind::kNone) return change;

  const note::Note* kept = &note;  // the merged note, if the evidence merges signature lines
  if (const auto* merged = evidence_.held(*change)) kept = merged;
  const auto id = note::hash(*kept);
  for (const auto& gone : old) {
    if (gone != id) erase(gone);
  }
  auto& batch = *kind == Kind::kRevocation ? revoking_ : batch_;
  batch.put.push_back({id, note::render(*kept), now.wall});
  hold(*kind, *kept, now.wall);
  retention_.keep(now, *kept, *kind, *clock_);
  return change;
}

bool is_unfinished(trust::RequestPhase phase) {
  switch (phase) {
    case trust::RequestPhase::kPending:
    case trust::RequestPhase::kApproved:
    case trust::RequestPhase::kActive:
    case trust::RequestPhase::kInvalid:
      return true;
    case trust::RequestPhase::kCompleted:
    case trust::RequestPhase::kExpired:
    case trust::RequestPhase::kRevoked:
    case trust::RequestPhase::kDenied:
    case trust::RequestPhase::kWithdrawn:
      break;
  }
  return false;
}

bool Ledger::counts(Now now, const Held& held) const {
  if (held.over <= now.wall) return false;
  return !held.grant || is_unfinished(evidence_.state(now, *held.grant).phase);
}

// kExhausted: an owner that the note is charged to has its share. A new statement of a known node
// replaces the old one and needs no share.
Status Ledger::has_share(Now now, const note::Note& note, const std::vector<Share>& shares) const {
  if (const auto node = trust::Node::parse(note.text);
      node && evidence_.node_note(node->identity) != nullptr) {
    return {};
  }
  for (const auto& share : shares) {
    std::size_t used = 0;
    for (const auto& id : shares_.of(share.owner)) {
      const auto& held = held_.at(id);
      if (share.bytes) {
        used += held.note.size();
      } else if (counts(now, held)) {
        ++used;
      }
    }
    const auto more = share.bytes ? note::render(note).size() : 1;
    if (used + more <= share.most) continue;
    return fail(ErrorCode::kExhausted, "the " + share.owner +
                                           " have their share here: " + std::to_string(share.most) +
                                           (share.bytes ? " bytes" : " that are not over"));
  }
  return {};
}

// Takes a further statement (further.hpp). Beyond kMaxFurtherOfSigner, the signer's oldest goes.
Result<trust::Change> Ledger::take_further(Now now, const note::Note& note) {
  const auto further = check_further(note, evidence_);
  if (!further) return fail_with(further.error());
  if (held_.size() + kReservedForRevocations >= kMaxStoredNotes) {
    return fail(ErrorCode::kExhausted, "the coordinator holds as many statements as it may");
  }
  trust::Change change;
  change.statement = note::hash(further->note);
  if (further->site) change.site = further->site->id;
  if (const auto* held = find(change.statement);
      held != nullptr && held->note == note::render(further->note)) {
    return change;
  }
  hold_further(*further, now.wall);
  batch_.put.push_back({change.statement, note::render(further->note), now.wall});
  const auto owner = held_.at(change.statement).owners.front();
  while (shares_.of(owner).size() > kMaxFurtherOfSigner) {
    const auto& ids = shares_.of(owner);
    const auto oldest =
        *std::min_element(ids.begin(), ids.end(), [&](const auto& a, const auto& b) {
          if ((a == change.statement) != (b == change.statement)) return b == change.statement;
          return held_.at(a).arrived < held_.at(b).arrived;
        });
    erase(oldest);
  }
  change.kind =
      trust::ChangeKind::kService;  // no kind fits; with kService the views are computed again
  return change;
}

void Ledger::journal(audit::Entry entry) {
  auto& batch = entry.kind == audit::Kind::kRevocation ? revoking_ : batch_;
  auto site = entry.site;
  auto line = audit::render(entry);
  batch.audit.push_back({std::string(kOwnSource), 0, std::move(site), entry.at, line});
}

void Ledger::upload(std::vector<AuditRow> rows) {
  for (auto& row : rows) batch_.audit.push_back(std::move(row));
}

Status Ledger::commit_revocations() {
  auto batch = std::exchange(revoking_, {});
  batch.revokes = true;
  return write(std::move(batch));
}

Status Ledger::commit() {
  if (auto done = commit_revocations(); !done) return done;
  return write(std::exchange(batch_, {}));
}

// Writes one batch. The coordinator's own audit lines get their index here, since the store accepts
// only growing indices of a source.
Status Ledger::write(Batch batch) {
  if (batch.empty()) return {};
  for (auto& row : batch.audit) {
    if (is_own(row)) row.index = next_index_++;
  }
  if (clock_) batch.clock = trust::render(clock_->stored());
  return store_.commit(batch);
}

void Ledger::advance(Now now) {
  evidence_.advance(now);
  if (!clock_) return;  // nothing is loaded yet
  clock_->advance(now);
  for (const auto& id : retention_.due(now, *clock_)) erase(id);
}

const Ledger::Held* Ledger::find(const crypto::Hash& id) const {
  const auto held = held_.find(id);
  return held == held_.end() ? nullptr : &held->second;
}

std::vector<trust::GrantId> Ledger::grants_of(const trust::IdentityKey& device) const {
  std::vector<trust::GrantId> out;
  for (const auto& id : shares_.of("grants of the device " + device.hex())) {
    if (const auto& grant = held_.at(id).grant) out.push_back(*grant);
  }
  return out;
}

std::vector<std::pair<crypto::Hash, std::optional<trust::SiteId>>> Ledger::further() const {
  std::vector<std::pair<crypto::Hash, std::optional<trust::SiteId>>> out;
  for (const auto& id : further_) out.emplace_back(id, held_.at(id).site);
  return out;
}

}  // namespace culvert::coordinator

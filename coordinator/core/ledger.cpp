#include "coordinator/core/ledger.hpp"

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

// Vendor roots by epoch, site statements, site roots by epoch, then as trust.md builds them up.
std::uint64_t rank_of(std::string_view text) {
  const auto kind = trust::kind_of(text).value_or(Kind::kTicket);
  constexpr std::uint64_t kStep = std::uint64_t{1} << 32U;
  if (kind == Kind::kSite || kind == Kind::kPlaces) return kStep;
  if (kind != Kind::kRoot) return (2 + static_cast<std::uint64_t>(kind)) * kStep;
  const auto root = trust::Root::parse(text);
  if (!root) return 0;
  return root->epoch + (root->kind == trust::RootKind::kSite ? 2 * kStep : 0);
}

bool is_genesis(const std::string& text, trust::RootKind kind) {
  const auto root = trust::Root::parse(text);
  return root && root->epoch == 1 && root->kind == kind;
}

}  // namespace

Ledger::Ledger(Store& store, trust::BootId boot) : store_(store), boot_(boot), evidence_({}, {}) {}

// A run has one clock, which a reload does not set back.
Status Ledger::start_clock(Now now) {
  if (!clock_) {
    const auto text = store_.clock();
    if (!text) return fail_with(text.error());
    const auto stored =
        *text ? trust::parse_stored_clock(**text) : std::optional(trust::StoredClock{});
    if (!stored) return fail(ErrorCode::kInvalid, "the store holds a damaged clock");
    clock_.emplace(*stored, boot_);
  }
  clock_->advance(now);
  return {};
}

Status Ledger::load(Now now) {
  auto rows = store_.notes();
  if (!rows) return fail_with(rows.error());
  auto next_index = store_.next_index(std::string(kOwnSource));
  if (!next_index) return fail_with(next_index.error());
  if (auto started = start_clock(now); !started) return started;

  trust::Pins pins;
  pins.observer = true;  // whether a grant was used in time, its agents know
  std::set<trust::SiteId> sites;
  struct Stored {
    note::Note note;
    WallTime arrived;
  };
  std::vector<Stored> stored;
  for (const auto& row : *rows) {
    auto note = note::parse(row.note);
    if (!note) return fail(ErrorCode::kInvalid, "the store holds a damaged statement");
    const auto id = note::hash(*note);
    if (is_genesis(note->text, trust::RootKind::kSite)) sites.insert(trust::to_site_id(id));
    if (!pins.vendor_genesis && is_genesis(note->text, trust::RootKind::kVendor)) {
      pins.vendor_genesis = id;
    }
    stored.push_back({*std::move(note), row.arrived});
  }

  // What ends something comes after it, whatever arrived first.
  std::stable_sort(stored.begin(), stored.end(), [](const auto& a, const auto& b) {
    return rank_of(a.note.text) < rank_of(b.note.text);
  });
  std::vector<note::Note> notes;
  for (const auto& one : stored) notes.push_back(one.note);
  has_vendor_ = pins.vendor_genesis.has_value();
  sites_ = std::move(sites);
  evidence_ = trust::Evidence(pins, {});
  for (const auto& site : sites_) evidence_.pin_site(site);
  held_.clear();
  services_.clear();
  directory_.clear();
  shares_ = {};
  revoked_ = {};
  retention_ = {};
  further_.clear();
  batch_ = revoking_ = {};
  next_index_ = *next_index;
  // What no longer verifies stays in the store until it may be forgotten: the clock may be wrong.
  const auto offered = evidence_.recall(notes, now);
  for (std::size_t i = 0; i < notes.size(); ++i) {
    const auto kind = trust::kind_of(notes[i].text);
    if (kind && offered[i]) hold(*kind, notes[i], stored[i].arrived);
    if (kind) {
      retention_.keep(notes[i], *kind, now, *clock_);
    } else {
      const auto further = check_further(notes[i], evidence_);
      if (further) hold_further(*further, stored[i].arrived);
    }
  }
  return {};
}

Status Ledger::may_take(Kind kind, const note::Note& note, Now now) const {
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
  if (kind == Kind::kEnrolled) return evidence_.check_enrolment_open(note, now);
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

Result<trust::Change> Ledger::take(const note::Note& note, Now now) {
  const auto kind = trust::kind_of(note.text);
  if (!kind) return take_further(note, now);
  if (auto may = may_take(*kind, note, now); !may) return fail_with(may.error());
  if (!held_.contains(note::hash(note))) {
    const auto shares = shares_of(*kind, note);
    if (auto has = has_share(note, shares, now); !has) return fail_with(has.error());
  }
  const auto old = superseded(*kind, note);
  auto change = evidence_.offer(note, now);
  if (!change || change->kind == trust::ChangeKind::kNone) return change;

  const note::Note* kept = &note;  // with the signature lines that count, where evidence merges
  if (const auto* merged = evidence_.held(*change)) kept = merged;
  const auto id = note::hash(*kept);
  for (const auto& gone : old) {
    if (gone != id) erase(gone);
  }
  auto& batch = *kind == Kind::kRevocation ? revoking_ : batch_;
  batch.put.push_back({id, note::render(*kept), now.wall});
  hold(*kind, *kept, now.wall);
  retention_.keep(*kept, *kind, now, *clock_);
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

bool Ledger::counts(const Held& held, Now now) const {
  if (held.over <= now.wall) return false;
  return !held.grant || is_unfinished(evidence_.state(*held.grant, now).phase);
}

// A statement that replaces one of the same node is no further one.
Status Ledger::has_share(const note::Note& note, const std::vector<Share>& shares, Now now) const {
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
      } else if (counts(held, now)) {
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

// The signer's oldest makes room.
Result<trust::Change> Ledger::take_further(const note::Note& note, Now now) {
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
  change.kind = trust::ChangeKind::kService;  // the nearest: it changes what its parties are told
  return change;
}

// What this statement replaces, should it be taken.
std::vector<crypto::Hash> Ledger::superseded(Kind kind, const note::Note& note) const {
  std::vector<crypto::Hash> out;
  if (kind == Kind::kNode) {
    const auto node = trust::Node::parse(note.text);
    const auto* old = node ? evidence_.node_note(node->identity) : nullptr;
    if (old != nullptr) out.push_back(note::hash(*old));
  } else if (kind == Kind::kService) {
    const auto service = trust::Service::parse(note.text);
    const auto old = service ? services_.find(service->node) : services_.end();
    if (old != services_.end()) out.push_back(old->second);
  } else if (kind == Kind::kPolicy) {
    const auto policy = trust::Policy::parse(note.text);
    const auto old = policy ? evidence_.policy_hash(policy->site.id) : std::nullopt;
    if (old) out.push_back(*old);
  } else if (kind == Kind::kFresh) {
    const auto fresh = trust::Fresh::parse(note.text);
    if (!fresh) return out;
    for (const auto& held : evidence_.chain_notes(fresh->site.id)) {
      if (trust::kind_of(held.text) == Kind::kFresh) out.push_back(note::hash(held));
    }
  } else if (kind == Kind::kPlaces) {
    for (const auto& [id, held] : held_) {
      if (held.kind == Kind::kPlaces) out.push_back(id);
    }
  } else if (kind == Kind::kRevocation) {
    const auto revocation = trust::Revocation::parse(note.text);
    if (!revocation) return out;
    const auto& old = revoked_.of(trust::revoked_id(*revocation));
    out.assign(old.begin(), old.end());
  } else if (kind == Kind::kSite) {
    const auto site = trust::Site::parse(note.text);
    const auto old = site ? directory_.find(site->site.id) : directory_.end();
    if (old != directory_.end()) out.push_back(old->second);
  }
  return out;
}

void Ledger::hold(Kind kind, const note::Note& note, WallTime arrived) {
  const auto id = note::hash(note);
  Held held;
  held.kind = kind;
  held.note = note::render(note);
  held.whole = crypto::sha256(view(held.note));
  held.rank = rank_of(note.text);
  held.arrived = arrived;
  held.over = end_of(kind, note.text);
  for (const auto& share : shares_of(kind, note)) held.owners.push_back(share.owner);
  if (kind == Kind::kGrant) {
    if (const auto grant = trust::Grant::parse(note.text)) held.grant = grant->id;
  }
  std::optional<trust::Revocation> ends;
  if (kind == Kind::kRevocation) {
    const auto revocation = trust::Revocation::parse(note.text);
    if (revocation && revocation->site) held.site = revocation->site->id;
    if (revocation) ends = *revocation;
  }
  put(id, std::move(held));
  if (ends) revoked_.add(id, *ends);
  if (kind == Kind::kService) {
    if (const auto service = trust::Service::parse(note.text)) services_[service->node] = id;
  }
  if (kind == Kind::kSite) {
    if (const auto site = trust::Site::parse(note.text)) directory_[site->site.id] = id;
  }
}

void Ledger::hold_further(const Further& further, WallTime arrived) {
  Held held;
  held.note = note::render(further.note);
  held.whole = crypto::sha256(view(held.note));
  held.rank = rank_of(further.note.text);
  held.arrived = arrived;
  held.over = trust::kNeverOver;
  if (further.site) held.site = further.site->id;
  held.owners.push_back("further statements of the key " +
                        crypto::format_public_key(further.signer));
  const auto id = note::hash(further.note);
  put(id, std::move(held));
  further_.insert(id);
}

void Ledger::put(const crypto::Hash& id, Held held) {
  if (const auto* before = find(id)) held.arrived = std::min(held.arrived, before->arrived);
  drop(id);
  for (const auto& owner : held.owners) shares_.add(owner, id);
  held_[id] = std::move(held);
}

void Ledger::drop(const crypto::Hash& id) {
  const auto found = held_.find(id);
  if (found == held_.end()) return;
  for (const auto& owner : found->second.owners) shares_.remove(owner, id);
  revoked_.remove(id);
  further_.erase(id);
  held_.erase(found);
}

void Ledger::erase(const crypto::Hash& id) {
  drop(id);
  retention_.forget(id);
  batch_.erase.push_back(id);
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

// Our own lines are numbered as they are written: of one source only growing numbers count.
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
  if (!clock_) return;  // nothing is loaded
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

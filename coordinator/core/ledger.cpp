#include "coordinator/core/ledger.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "proto/crypto/hash.hpp"
#include "proto/trust/enrolment.hpp"
#include "proto/trust/revocation.hpp"

namespace culvert::coordinator {
namespace {

using trust::Kind;

// When a statement is so long over that nobody can need it.
WallTime forget_after(Kind kind, std::string_view text) {
  const auto end = [&]() -> std::optional<WallTime> {
    switch (kind) {
      case Kind::kGrant:
        if (const auto grant = trust::Grant::parse(text)) return grant->not_after;
        break;
      case Kind::kNode:
        if (const auto node = trust::Node::parse(text)) return node->expires;
        break;
      case Kind::kService:
        if (const auto service = trust::Service::parse(text)) return service->expires;
        break;
      case Kind::kRevocation: {
        const auto revocation = trust::Revocation::parse(text);
        if (revocation && revocation->what == trust::Revokes::kGrant) return revocation->not_after;
        break;
      }
      case Kind::kEnrolment:
        // Agents that it enrolled rest on it for as long as they may live.
        if (const auto e = trust::Enrolment::parse(text)) {
          return e->renew_until + trust::kMaxAgentLife;
        }
        break;
      case Kind::kEnrolled:
        if (const auto e = trust::Enrolled::parse(text)) {
          return e->issued + trust::kMaxRenewal + trust::kMaxAgentLife;
        }
        break;
      case Kind::kFresh:
        if (const auto fresh = trust::Fresh::parse(text)) return fresh->issued + trust::kMaxFresh;
        break;
      case Kind::kRoot:
      case Kind::kSite:
      case Kind::kPolicy:
      case Kind::kLease:
      case Kind::kTicket:
      case Kind::kPlaces:
      case Kind::kState:
        break;
    }
    return std::nullopt;
  }();
  return end ? *end + kKeepEnded : WallTime{std::numeric_limits<std::int64_t>::max()};
}

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

Ledger::Ledger(Store& store) : store_(store), evidence_({}, {}) {}

Status Ledger::load(Now now) {
  auto rows = store_.notes();
  if (!rows) return fail_with(rows.error());
  auto next_index = store_.next_index(std::string(kOwnSource));
  if (!next_index) return fail_with(next_index.error());

  trust::Pins pins;
  pins.observer = true;  // whether a grant was used in time, its agents know
  std::set<trust::SiteId> sites;
  std::vector<note::Note> notes;
  for (const auto& row : *rows) {
    auto note = note::parse(row.note);
    if (!note) return fail(ErrorCode::kInvalid, "the store holds a damaged statement");
    const auto id = note::hash(*note);
    if (is_genesis(note->text, trust::RootKind::kSite)) sites.insert(trust::to_site_id(id));
    if (!pins.vendor_genesis && is_genesis(note->text, trust::RootKind::kVendor)) {
      pins.vendor_genesis = id;
    }
    notes.push_back(*std::move(note));
  }

  // What ends something comes after it, whatever arrived first.
  std::stable_sort(notes.begin(), notes.end(),
                   [](const auto& a, const auto& b) { return rank_of(a.text) < rank_of(b.text); });
  has_vendor_ = pins.vendor_genesis.has_value();
  sites_ = std::move(sites);
  evidence_ = trust::Evidence(pins, {});
  for (const auto& site : sites_) evidence_.pin_site(site);
  held_.clear();
  services_.clear();
  directory_.clear();
  batch_ = {};
  next_index_ = *next_index;
  // What no longer verifies (it has expired, say) stays in the store: the clock may be wrong.
  const auto offered = evidence_.offer_all(notes, now);
  for (std::size_t i = 0; i < notes.size(); ++i) {
    if (const auto kind = trust::kind_of(notes[i].text); kind && offered[i]) hold(*kind, notes[i]);
  }
  return {};
}

Status Ledger::may_take(Kind kind, const note::Note& note, Now now) const {
  const auto unknown = [] {
    return fail(ErrorCode::kNotFound,
                "this coordinator does not serve that site or vendor (its operator adds them with "
                "culvert-coordinator site add, vendor add)");
  };
  if (held_.size() >= kMaxStoredNotes) {
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
  if (!kind) return fail(ErrorCode::kInvalid, "a statement of an unknown type");
  if (auto may = may_take(*kind, note, now); !may) return fail_with(may.error());
  const auto old = superseded(*kind, note);
  auto change = evidence_.offer(note, now);
  if (!change || change->kind == trust::ChangeKind::kNone) return change;

  const note::Note* kept = &note;  // with the signature lines that count, where evidence merges
  if (const auto* merged = evidence_.held(*change)) kept = merged;
  const auto id = note::hash(*kept);
  for (const auto& gone : old) {
    if (gone == id) continue;
    held_.erase(gone);
    batch_.erase.push_back(gone);
  }
  batch_.put.push_back({id, note::render(*kept), now.wall});
  hold(*kind, *kept);
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
  } else if (kind == Kind::kSite) {
    const auto site = trust::Site::parse(note.text);
    const auto old = site ? directory_.find(site->site.id) : directory_.end();
    if (old != directory_.end()) out.push_back(old->second);
  }
  return out;
}

void Ledger::hold(Kind kind, const note::Note& note) {
  const auto id = note::hash(note);
  auto whole = note::render(note);
  const auto whole_hash = crypto::sha256(view(whole));
  held_[id] =
      Held{kind, std::move(whole), whole_hash, rank_of(note.text), forget_after(kind, note.text)};
  if (kind == Kind::kService) {
    if (const auto service = trust::Service::parse(note.text)) services_[service->node] = id;
  }
  if (kind == Kind::kSite) {
    if (const auto site = trust::Site::parse(note.text)) directory_[site->site.id] = id;
  }
}

void Ledger::journal(audit::Entry entry) {
  auto site = entry.site;
  auto line = audit::render(entry);
  batch_.audit.push_back({std::string(kOwnSource), next_index_++, std::move(site), entry.at, line});
}

void Ledger::upload(std::vector<AuditRow> rows) {
  for (auto& row : rows) batch_.audit.push_back(std::move(row));
}

Status Ledger::commit() {
  const auto batch = std::exchange(batch_, {});
  return batch.empty() ? Status{} : store_.commit(batch);
}

void Ledger::advance(Now now) {
  evidence_.advance(now);
  for (auto held = held_.begin(); held != held_.end();) {
    if (held->second.forget < now.wall) {
      batch_.erase.push_back(held->first);
      held = held_.erase(held);
    } else {
      ++held;
    }
  }
}

const Ledger::Held* Ledger::find(const crypto::Hash& id) const {
  const auto held = held_.find(id);
  return held == held_.end() ? nullptr : &held->second;
}

std::vector<std::string> Ledger::notes_of(Kind kind) const {
  std::vector<std::string> out;
  for (const auto& [id, held] : held_) {
    if (held.kind == kind) out.push_back(held.note);
  }
  return out;
}

}  // namespace culvert::coordinator

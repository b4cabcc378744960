// Which statements the ledger holds in memory, and which of them a new statement replaces.
#include <algorithm>
#include <utility>

#include "coordinator/ledger/ledger.hpp"
#include "proto/crypto/hash.hpp"
#include "proto/trust/statements/revocation.hpp"

namespace culvert::coordinator {

using trust::Kind;

std::uint64_t rank_of(std::string_view text) {
  const auto kind = trust::kind_of(text).value_or(Kind::kTicket);
  constexpr std::uint64_t kStep = std::uint64_t{1} << 32U;
  if (kind == Kind::kSite || kind == Kind::kPlaces) return kStep;
  if (kind != Kind::kRoot) return (2 + static_cast<std::uint64_t>(kind)) * kStep;
  const auto root = trust::Root::parse(text);
  if (!root) return 0;
  return root->epoch + (root->kind == trust::RootKind::kSite ? 2 * kStep : 0);
}

// The statements that `note` replaces if the ledger takes it.
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

}  // namespace culvert::coordinator

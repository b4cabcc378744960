#include "coordinator/core/shares.hpp"

#include <algorithm>

#include "proto/trust/revocation.hpp"

namespace culvert::coordinator {

std::optional<crypto::PublicKey> charged_signer(const note::Note& note,
                                                const trust::Revocation& revocation,
                                                const trust::Evidence& evidence) {
  std::vector<note::KnownKey> known;
  const auto add = [&](const trust::Root* root) {
    if (root == nullptr) return;
    for (const auto& key : root->keys) {
      const auto same = [&](const auto& other) { return other.key == key.key; };
      if (std::any_of(known.begin(), known.end(), same)) continue;
      known.push_back({key.person.str(), key.key});
    }
  };
  add(evidence.vendor_root());
  if (revocation.site) add(evidence.site_root(revocation.site->id));
  if (revocation.what == trust::Revokes::kKey) known.push_back({"key", revocation.key});
  const auto* grant =
      revocation.what == trust::Revokes::kGrant ? evidence.grant(revocation.grant) : nullptr;
  if (grant != nullptr) known.push_back({"device", grant->device});
  const auto signers = note::verify(note, known);
  if (!signers) return std::nullopt;
  for (const auto& key : known) {
    const auto same = [&](const auto& signer) { return signer.key == key.key; };
    if (std::any_of(signers->begin(), signers->end(), same)) return key.key;
  }
  return std::nullopt;
}

std::vector<Share> shares_of(trust::Kind kind, const note::Note& note,
                             const trust::Evidence& evidence) {
  const auto hex = [](const auto& key) { return key.hex(); };
  switch (kind) {
    case trust::Kind::kRevocation: {
      const auto revocation = trust::Revocation::parse(note.text);
      const auto signer = revocation ? charged_signer(note, *revocation, evidence) : std::nullopt;
      if (!signer) break;
      return {{"revocations of the key " + crypto::format_public_key(*signer),
               kMaxRevocationsOfSigner}};
    }
    case trust::Kind::kGrant:
      if (const auto grant = trust::Grant::parse(note.text)) {
        return {{"grants of the device " + hex(grant->device), kMaxGrantsOfDevice}};
      }
      break;
    case trust::Kind::kNode: {
      const auto node = trust::Node::parse(note.text);
      if (!node || node->kind != trust::NodeKind::kAgent) break;
      return {{"agents of the site " + hex(node->site.id), kMaxNodesOfSite}};
    }
    case trust::Kind::kRoot: {
      const auto root = trust::Root::parse(note.text);
      if (!root || root->kind != trust::RootKind::kSite) break;
      return {{"root epochs of the site " + hex(root->genesis_hash(note::hash(note))),
               kMaxDocumentBytes, true}};
    }
    case trust::Kind::kSite:
    case trust::Kind::kPolicy:
    case trust::Kind::kEnrolment:
    case trust::Kind::kService:
    case trust::Kind::kLease:
    case trust::Kind::kTicket:
    case trust::Kind::kFresh:
    case trust::Kind::kEnrolled:
    case trust::Kind::kPlaces:
    case trust::Kind::kState:
      break;
  }
  return {};
}

void Shares::remove(const std::string& owner, const crypto::Hash& id) {
  const auto found = owned_.find(owner);
  if (found == owned_.end()) return;
  found->second.erase(id);
  if (found->second.empty()) owned_.erase(found);
}

const std::set<crypto::Hash>& Shares::of(const std::string& owner) const {
  static const std::set<crypto::Hash> kNone;
  const auto found = owned_.find(owner);
  return found == owned_.end() ? kNone : found->second;
}

}  // namespace culvert::coordinator

#include "coordinator/ledger/shares.hpp"

namespace culvert::coordinator {

std::vector<Share> shares_of(trust::Kind kind, const note::Note& note) {
  const auto hex = [](const auto& key) { return key.hex(); };
  switch (kind) {
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
    case trust::Kind::kRevocation:  // trust::Evidence has its own shares
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

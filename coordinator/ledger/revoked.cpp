#include "coordinator/ledger/revoked.hpp"

#include <utility>

namespace culvert::coordinator {
namespace {

const RevocationIndex::Ids kNone;

template <class Map, class Key>
void take_out(Map& map, const Key& key, const crypto::Hash& id) {
  const auto found = map.find(key);
  if (found == map.end()) return;
  found->second.erase(id);
  if (found->second.empty()) map.erase(found);
}

template <class Map, class Key>
const RevocationIndex::Ids& look_up(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? kNone : found->second;
}

}  // namespace

void RevocationIndex::add(const crypto::Hash& id, const trust::Revocation& revocation) {
  const auto subject = trust::revoked_id(revocation);
  subjects_[id] = subject;
  by_subject_[subject].insert(id);
  at_site_[{subject.site, subject.what}].insert(id);
}

void RevocationIndex::remove(const crypto::Hash& id) {
  const auto found = subjects_.find(id);
  if (found == subjects_.end()) return;
  take_out(by_subject_, found->second, id);
  take_out(at_site_, std::pair(found->second.site, found->second.what), id);
  subjects_.erase(found);
}

const RevocationIndex::Ids& RevocationIndex::of(const trust::RevokedId& subject) const {
  return look_up(by_subject_, subject);
}

std::vector<std::pair<trust::SiteId, crypto::Hash>> RevocationIndex::of(
    trust::Revokes what, const trust::IdentityKey& identity) const {
  std::vector<std::pair<trust::SiteId, crypto::Hash>> out;
  for (auto found = by_subject_.lower_bound({what, identity.bytes, {}});
       found != by_subject_.end() && found->first.what == what &&
       found->first.subject == identity.bytes;
       ++found) {
    for (const auto& id : found->second) out.emplace_back(found->first.site, id);
  }
  return out;
}

bool RevocationIndex::any(trust::Revokes what) const {
  const auto first = by_subject_.lower_bound({what, {}, {}});
  return first != by_subject_.end() && first->first.what == what;
}

const RevocationIndex::Ids& RevocationIndex::at(const trust::SiteId& site,
                                                trust::Revokes what) const {
  return look_up(at_site_, std::pair(site, what));
}

}  // namespace culvert::coordinator

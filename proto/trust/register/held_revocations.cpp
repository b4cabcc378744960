#include "proto/trust/register/held_revocations.hpp"

#include <algorithm>
#include <utility>

#include "proto/crypto/hash.hpp"

namespace culvert::trust {

const note::Note* HeldRevocations::find(const RevokedId& id) const {
  const auto found = notes_.find(id);
  return found == notes_.end() ? nullptr : &found->second;
}

const note::Note* HeldRevocations::find(const SiteId& site, const Hash& text) const {
  const auto texts = texts_.find(site);
  if (texts == texts_.end()) return nullptr;
  const auto found = texts->second.find(text);
  return found == texts->second.end() ? nullptr : find(found->second);
}

void HeldRevocations::keep(const RevokedId& id, note::Note note) {
  remove(id);
  texts_[id.site].emplace(note::hash(note), id);
  notes_.emplace(id, std::move(note));
}

void HeldRevocations::remove(const RevokedId& id) {
  const auto found = notes_.find(id);
  if (found == notes_.end()) return;
  const auto texts = texts_.find(id.site);
  texts->second.erase(note::hash(found->second));
  if (texts->second.empty()) texts_.erase(texts);
  notes_.erase(found);
}

DocumentMark HeldRevocations::mark(const SiteId& site) const {
  std::vector<Hash> hashes;
  const auto add = [&](const SiteId& of) {
    const auto texts = texts_.find(of);
    if (texts == texts_.end()) return;
    for (const auto& [hash, id] : texts->second) hashes.push_back(hash);
  };
  add({});
  if (!site.is_zero()) add(site);
  std::sort(hashes.begin(), hashes.end());
  Bytes joined;
  for (const auto& hash : hashes) append(joined, hash.view());
  return {hashes.size(), crypto::sha256(joined)};
}

std::vector<note::Note> HeldRevocations::of(const SiteId& site) const {
  std::vector<RevokedId> ids;
  const auto add = [&](const SiteId& of) {
    const auto texts = texts_.find(of);
    if (texts == texts_.end()) return;
    for (const auto& [hash, id] : texts->second) ids.push_back(id);
  };
  add({});
  if (!site.is_zero()) add(site);
  std::sort(ids.begin(), ids.end());
  std::vector<note::Note> out;
  for (const auto& id : ids) out.push_back(notes_.at(id));
  return out;
}

}  // namespace culvert::trust

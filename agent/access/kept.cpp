#include "agent/access/kept.hpp"

#include <algorithm>

#include "proto/trust/grants/limits.hpp"
#include "proto/trust/statements/revocation.hpp"

namespace culvert::agent {
bool KeptRevocations::add(Now now, const note::Note& note, const trust::Evidence& evidence) {
  const auto revocation = trust::Revocation::parse(note.text);
  if (!revocation) return false;
  // The revocation of a grant is kept for as long as other nodes may hold the grant.
  const auto margin =
      revocation->what == trust::Revokes::kGrant ? trust::kTombstoneKeep : std::chrono::seconds{0};
  const auto over = evidence.forget_at(now, trust::matters_until(*revocation) + margin);
  const auto id = note::hash(note);
  if (over <= evidence.age() || kept_.contains(id)) return false;
  Kept kept{{}, note::render(note), over};
  if (revocation->site) kept.site = trust::to_hash(revocation->site->id);
  bytes_ += kept.note.size();
  kept_.emplace(id, std::move(kept));
  while (kept_.size() > kMaxKept || bytes_ > kMaxBytes) make_room(bytes_ > kMaxBytes);
  return kept_.contains(id);
}

// Removes a copy of the site that uses the most of what is scarce: bytes (true) or places (false).
void KeptRevocations::make_room(bool of_bytes) {
  std::map<crypto::Hash, std::size_t> shares;
  for (const auto& [id, kept] : kept_) shares[kept.site] += of_bytes ? kept.note.size() : 1;
  const auto fullest = std::max_element(shares.begin(), shares.end(), [](auto& a, auto& b) {
                         return a.second < b.second;
                       })->first;
  auto first = kept_.end();
  for (auto it = kept_.begin(); it != kept_.end(); ++it) {
    if (it->second.site != fullest) continue;
    if (first == kept_.end() || it->second.over < first->second.over) first = it;
  }
  bytes_ -= first->second.note.size();
  kept_.erase(first);
}

bool KeptRevocations::forget(trust::StoreAge age) {
  const auto gone = std::erase_if(kept_, [&](const auto& entry) {
    if (entry.second.over > age) return false;
    bytes_ -= entry.second.note.size();
    return true;
  });
  return gone != 0;
}

std::vector<note::Note> KeptRevocations::notes() const {
  std::vector<note::Note> out;
  for (const auto& [id, kept] : kept_) {
    if (auto note = note::parse(kept.note)) out.push_back(std::move(*note));
  }
  return out;
}

const std::string* KeptRevocations::find(const control::NoteId& id) const {
  const auto found = kept_.find(id);
  return found == kept_.end() ? nullptr : &found->second.note;
}

std::vector<control::NoteId> KeptRevocations::unlike(
    const std::vector<control::RevocationSet>& theirs) const {
  std::map<crypto::Hash, std::vector<control::NoteId>> by_site;
  for (const auto& [id, kept] : kept_) by_site[kept.site].push_back(id);
  for (const auto& set : theirs) {
    const auto own = by_site.find(set.site);
    if (own == by_site.end() || own->second.size() != set.count) continue;
    if (control::revocations_digest(own->second) == set.digest) by_site.erase(own);
  }
  std::vector<control::NoteId> out;
  for (const auto& [site, ids] : by_site) out.insert(out.end(), ids.begin(), ids.end());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace culvert::agent

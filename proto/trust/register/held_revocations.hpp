// The signed notes of revocations, found by the revoked subject, or by site and text.
#pragma once

#include <map>
#include <vector>

#include "proto/note/note.hpp"
#include "proto/trust/register/register_floors.hpp"

namespace culvert::trust {

class HeldRevocations {
 public:
  bool contains(const RevokedId& id) const { return notes_.contains(id); }
  const note::Note* find(const RevokedId& id) const;
  // Finds a note by the hash of its text; `site` is zero for revocations that name no site.
  const note::Note* find(const SiteId& site, const Hash& text) const;
  // Replaces the note that was held for the same subject.
  void keep(const RevokedId& id, note::Note note);
  void remove(const RevokedId& id);
  // The notes of this site and of no site, in the order of their subjects.
  std::vector<note::Note> of(const SiteId& site) const;
  // The number of notes of this site and of no site, and a digest: SHA-256 over the sorted hashes
  // of the texts.
  DocumentMark mark(const SiteId& site) const;
  const std::map<RevokedId, note::Note>& all() const { return notes_; }

 private:
  std::map<RevokedId, note::Note> notes_;
  std::map<SiteId, std::map<Hash, RevokedId>> texts_;
};

}  // namespace culvert::trust

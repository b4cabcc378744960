// An index of the ledger's revocations by the subject that each one ends.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "proto/trust/register/register_floors.hpp"

namespace culvert::coordinator {

class RevocationIndex {
 public:
  using Ids = std::set<crypto::Hash>;  // of statements

  void add(const crypto::Hash& id, const trust::Revocation& revocation);
  void remove(const crypto::Hash& id);
  // The revocations of exactly this subject.
  const Ids& of(const trust::RevokedId& subject) const;
  // The revocations of a node or device, with the site of each. The site is zero where the
  // revocation counts everywhere.
  std::vector<std::pair<trust::SiteId, crypto::Hash>> of(trust::Revokes what,
                                                         const trust::IdentityKey& identity) const;
  bool any(trust::Revokes what) const;
  // All revocations of one kind that name `site`.
  const Ids& at(const trust::SiteId& site, trust::Revokes what) const;

 private:
  std::map<trust::RevokedId, Ids> by_subject_;
  std::map<std::pair<trust::SiteId, trust::Revokes>, Ids> at_site_;
  std::map<crypto::Hash, trust::RevokedId> subjects_;
};

}  // namespace culvert::coordinator

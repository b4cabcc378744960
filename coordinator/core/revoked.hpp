// The revocations in the ledger by what they end, so that nobody has to read all of them.
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
  // Of exactly this subject.
  const Ids& of(const trust::RevokedId& subject) const;
  // Of this node or device, at every site: the site is zero where it is ended everywhere.
  std::vector<std::pair<trust::SiteId, crypto::Hash>> of(trust::Revokes what,
                                                         const trust::IdentityKey& identity) const;
  bool any(trust::Revokes what) const;
  // All of one kind that name this site.
  const Ids& at(const trust::SiteId& site, trust::Revokes what) const;

 private:
  std::map<trust::RevokedId, Ids> by_subject_;
  std::map<std::pair<trust::SiteId, trust::Revokes>, Ids> at_site_;
  std::map<crypto::Hash, trust::RevokedId> subjects_;
};

}  // namespace culvert::coordinator

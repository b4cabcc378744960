// Who hears what: for every node the statements that concern it, and no other. core.hpp has the
// rule in words.
#pragma once

#include <map>
#include <set>

#include "coordinator/core/ledger.hpp"

namespace culvert::coordinator {

using View = std::set<crypto::Hash>;  // ids of statements

class Audience {
 public:
  // Worked out once for the whole ledger, which outlives it. Of revocations only those of held
  // grants are: the others are looked up when a view is asked for.
  Audience(const Ledger& ledger, Now now);

  // Also for a device that is not admitted (yet): the vendor's chain.
  View view_of(const trust::Node& node) const;
  // The relay keys that this node may talk to now: the other ends of its grants.
  std::set<crypto::RelayKey> relay_peers(const trust::IdentityKey& node) const;
  // The grants of `site` that this agent serves now.
  std::set<trust::GrantId> served_by(const trust::IdentityKey& agent) const;

 private:
  void add_chains();
  void add_live(const trust::LiveGrant& live);
  void add_grants();
  void add_revocations(const trust::Node& node, View& out) const;
  std::vector<crypto::Hash> publisher_notes(const trust::Publisher& publisher) const;
  std::vector<crypto::Hash> chain_of(const trust::SiteId& site) const;
  void tell(const trust::IdentityKey& node, const crypto::Hash& id) { told_[node].insert(id); }

  const Ledger* ledger_;
  Now now_;
  View vendor_;
  std::map<trust::SiteId, View> sites_;     // and its grantees: site statement, root chain, policy
  std::map<trust::SiteId, View> keys_;      // for its agents: revoked keys of its root
  std::map<trust::SiteId, View> enrolled_;  // for its agents: enrolments and whom they enrolled
  std::map<trust::SiteId, View> agents_;    // for its agents: each agent's node statement
  std::map<trust::IdentityKey, View> told_;
  std::map<trust::IdentityKey, std::set<trust::SiteId>> granted_;  // by approved grants
  std::map<trust::IdentityKey, crypto::Hash> own_;
  std::map<trust::IdentityKey, std::set<crypto::RelayKey>> peers_;
  std::map<trust::IdentityKey, std::set<trust::GrantId>> served_;
};

}  // namespace culvert::coordinator

// For every node, which statements of the ledger the node gets. core.hpp states the rule. views.hpp
// compares the result with what the node has already.
#pragma once

#include <map>
#include <set>

#include "coordinator/ledger/ledger.hpp"

namespace culvert::coordinator {

using View = std::set<crypto::Hash>;  // ids of statements

class Audience {
 public:
  // Works out the views of the whole ledger, which outlives the audience. Only revocations of
  // grants in the ledger are worked out here; view_of() looks up the others.
  Audience(const Ledger& ledger, Now now);

  // A device that is not admitted gets the vendor's root chain.
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
  std::map<trust::SiteId, View> sites_;     // for agents and grantees: site, root chain, policy
  std::map<trust::SiteId, View> keys_;      // for its agents: revoked keys of its root
  std::map<trust::SiteId, View> enrolled_;  // for its agents: enrolments and `enrolled` notes
  std::map<trust::SiteId, View> agents_;    // for its agents: each agent's node statement
  std::map<trust::IdentityKey, View> told_;
  std::map<trust::IdentityKey, std::set<trust::SiteId>> granted_;  // by approved grants
  std::map<trust::IdentityKey, crypto::Hash> own_;
  std::map<trust::IdentityKey, std::set<crypto::RelayKey>> peers_;
  std::map<trust::IdentityKey, std::set<trust::GrantId>> served_;
};

}  // namespace culvert::coordinator

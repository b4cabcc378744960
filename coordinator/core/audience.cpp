#include "coordinator/core/audience.hpp"

namespace culvert::coordinator {
namespace {

bool complete(const trust::RequestState& state) {
  return state.vendor_missing == 0 && state.customer_missing == 0;
}

}  // namespace

Audience::Audience(const Ledger& ledger, Now now) : ledger_(&ledger), now_(now) {
  const auto& evidence = ledger.evidence();
  add_chains();
  for (const auto& node : evidence.nodes(now)) {
    if (const auto* note = evidence.node_note(node.identity)) {
      own_[node.identity] = note::hash(*note);
      if (node.kind == trust::NodeKind::kAgent) {
        agents_[node.site.id].insert(note::hash(*note));
      }
    }
  }
  for (const auto& live : evidence.live(now)) add_live(live);
  add_grants();
}

View Audience::view_of(const trust::Node& node) const {
  View out = vendor_;
  if (node.kind == trust::NodeKind::kAgent) {
    if (const auto site = sites_.find(node.site.id); site != sites_.end()) {
      out.insert(site->second.begin(), site->second.end());
    }
    if (const auto keys = keys_.find(node.site.id); keys != keys_.end()) {
      out.insert(keys->second.begin(), keys->second.end());
    }
    // Each agent of a site gets the node statements of all the site's agents, since each agent
    // raises an alarm for a new one.
    if (const auto all = enrolled_.find(node.site.id); all != enrolled_.end()) {
      out.insert(all->second.begin(), all->second.end());
    }
    if (const auto agents = agents_.find(node.site.id); agents != agents_.end()) {
      out.insert(agents->second.begin(), agents->second.end());
    }
  }
  if (const auto own = own_.find(node.identity); own != own_.end()) out.insert(own->second);
  add_revocations(node, out);
  if (const auto told = told_.find(node.identity); told != told_.end()) {
    out.insert(told->second.begin(), told->second.end());
  }
  return out;
}

// Adds the revocations that `node` gets: those of the node itself; for an agent, those of
// enrolments of its site; for a device, those of the nodes of each site where the device has an
// approved grant.
void Audience::add_revocations(const trust::Node& node, View& out) const {
  const auto& revoked = ledger_->revoked();
  for (const auto what : {trust::Revokes::kDevice, trust::Revokes::kNode}) {
    for (const auto& [site, id] : revoked.of(what, node.identity)) out.insert(id);
  }
  const auto add = [&](const RevocationIndex::Ids& ids) { out.insert(ids.begin(), ids.end()); };
  if (node.kind == trust::NodeKind::kAgent) {
    add(revoked.at(node.site.id, trust::Revokes::kEnrolment));
  }
  const auto granted = granted_.find(node.identity);
  if (granted == granted_.end()) return;
  for (const auto& site : granted->second) add(revoked.at(site, trust::Revokes::kNode));
}

std::set<crypto::RelayKey> Audience::relay_peers(const trust::IdentityKey& node) const {
  const auto found = peers_.find(node);
  return found == peers_.end() ? std::set<crypto::RelayKey>{} : found->second;
}

std::set<trust::GrantId> Audience::served_by(const trust::IdentityKey& agent) const {
  const auto found = served_.find(agent);
  return found == served_.end() ? std::set<trust::GrantId>{} : found->second;
}

void Audience::add_chains() {
  const auto& evidence = ledger_->evidence();
  for (const auto& note : evidence.chain_notes()) vendor_.insert(note::hash(note));
  for (const auto& site : evidence.sites()) {
    for (const auto& note : evidence.chain_notes(site.id)) {
      sites_[site.id].insert(note::hash(note));
    }
    for (const auto& note : evidence.enrolled_notes(site.id)) {
      enrolled_[site.id].insert(note::hash(note));
    }
  }
  const auto add_keys = [&](const trust::Root* root, View& out) {
    if (root == nullptr) return;
    for (const auto& key : root->keys) {
      const auto& ids = ledger_->revoked().of(trust::revoked_key(key.key));
      out.insert(ids.begin(), ids.end());
    }
  };
  if (ledger_->revoked().any(trust::Revokes::kKey)) {
    add_keys(evidence.vendor_root(), vendor_);
    for (const auto& site : evidence.sites()) {
      add_keys(evidence.site_root(site.id), keys_[site.id]);
    }
  }
  for (const auto& [id, site] : ledger_->further()) {
    if (!site) {
      vendor_.insert(id);
    } else {
      sites_[*site].insert(id);
    }
  }
}

std::vector<crypto::Hash> Audience::chain_of(const trust::SiteId& site) const {
  const auto found = sites_.find(site);
  if (found == sites_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

// The notes with which a device verifies one publisher: the publisher's enrolment, its `enrolled`
// statement, its node statement and its service statement.
std::vector<crypto::Hash> Audience::publisher_notes(const trust::Publisher& publisher) const {
  std::vector<crypto::Hash> out;
  for (const auto& note : ledger_->evidence().agent_notes(publisher.node.identity)) {
    out.push_back(note::hash(note));
  }
  out.push_back(note::hash(publisher.service.render()));
  return out;
}

void Audience::add_live(const trust::LiveGrant& live) {
  const auto& device = live.device.identity;
  const auto device_note = note::hash(live.device.render());
  const auto grant_note = note::hash(live.grant.render());
  if (!live.standing) tell(device, grant_note);
  for (const auto& id : chain_of(live.grant.site.id)) tell(device, id);
  for (const auto& publisher : live.publishers) {
    const auto& agent = publisher.node.identity;
    for (const auto& id : publisher_notes(publisher)) tell(device, id);
    tell(agent, device_note);
    if (!live.standing) tell(agent, grant_note);
    peers_[device].insert(publisher.node.relay);
    peers_[agent].insert(live.device.relay);
    served_[agent].insert(live.grant.id);
    served_[device].insert(live.grant.id);
  }
}

// A device gets its own requests, so that its owner sees who has signed. These include requests
// that the policy does not allow, and the revocations of all of them. A site's agents get the
// revocations of a grant and of its device once the grant has been approved.
void Audience::add_grants() {
  const auto& evidence = ledger_->evidence();
  const auto& revoked = ledger_->revoked();
  for (const auto& id : evidence.grants()) {
    const auto* grant = evidence.grant(id);
    const auto* note = evidence.grant_note(id);
    if (grant == nullptr || note == nullptr) continue;
    const auto state = evidence.state(now_, id);
    const bool open = state.phase == trust::RequestPhase::kPending ||
                      state.phase == trust::RequestPhase::kInvalid;
    if (open) tell(grant->device, note::hash(*note));
    auto ends = revoked.of(trust::revoked_grant(id, grant->site.id));
    for (const auto& end : ends) tell(grant->device, end);
    if (!complete(state)) continue;
    granted_[grant->device].insert(grant->site.id);
    for (const auto& [site, end] : revoked.of(trust::Revokes::kDevice, grant->device)) {
      if (site.is_zero() || site == grant->site.id) ends.insert(end);
    }
    if (ends.empty()) continue;
    for (const auto& publisher : evidence.publishers(now_, grant->service)) {
      for (const auto& end : ends) tell(publisher.node.identity, end);
    }
  }
}

}  // namespace culvert::coordinator

#include "coordinator/core/audience.hpp"

#include <algorithm>

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
  add_pending();
  for (const auto& text : ledger.notes_of(trust::Kind::kRevocation)) {
    const auto note = note::parse(text);
    const auto revocation = note ? trust::Revocation::parse(note->text)
                                 : Result<trust::Revocation>(fail(ErrorCode::kInvalid, ""));
    if (revocation) add_revocation(*revocation, note::hash(*note));
  }
  ledger_ = nullptr;
}

View Audience::view_of(const trust::Node& node) const {
  View out = vendor_;
  if (node.kind == trust::NodeKind::kAgent) {
    if (const auto site = sites_.find(node.site.id); site != sites_.end()) {
      out.insert(site->second.begin(), site->second.end());
    }
    // Each agent of a site hears of every other: a new node is an alarm for all of them.
    if (const auto all = enrolled_.find(node.site.id); all != enrolled_.end()) {
      out.insert(all->second.begin(), all->second.end());
    }
    if (const auto agents = agents_.find(node.site.id); agents != agents_.end()) {
      out.insert(agents->second.begin(), agents->second.end());
    }
  }
  if (const auto own = own_.find(node.identity); own != own_.end()) out.insert(own->second);
  if (const auto told = told_.find(node.identity); told != told_.end()) {
    out.insert(told->second.begin(), told->second.end());
  }
  return out;
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

// What a device needs to believe one publisher: its enrolment, the note that enrolled it, its node
// and its service statement.
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

// A device's own requests, so that it sees who has signed; also those that the policy does not
// bear.
void Audience::add_pending() {
  const auto& evidence = ledger_->evidence();
  for (const auto& id : evidence.grants()) {
    const auto phase = evidence.state(id, now_).phase;
    if (phase != trust::RequestPhase::kPending && phase != trust::RequestPhase::kInvalid) continue;
    const auto* grant = evidence.grant(id);
    const auto* note = evidence.grant_note(id);
    if (grant != nullptr && note != nullptr) tell(grant->device, note::hash(*note));
  }
}

void Audience::add_grant_revocation(const trust::Revocation& revocation, const crypto::Hash& id) {
  const auto& evidence = ledger_->evidence();
  const auto* grant = evidence.grant(revocation.grant);
  if (grant == nullptr) return;
  const auto device = grant->device;
  const auto service = grant->service;
  tell(device, id);
  if (!complete(evidence.state(revocation.grant, now_))) return;  // its agents never heard of it
  for (const auto& publisher : evidence.publishers(service, now_)) {
    tell(publisher.node.identity, id);
  }
}

void Audience::add_revocation(const trust::Revocation& revocation, const crypto::Hash& id) {
  if (revocation.what == trust::Revokes::kGrant) return add_grant_revocation(revocation, id);
  const auto& evidence = ledger_->evidence();
  if (revocation.what == trust::Revokes::kKey) {
    const auto* vendor = evidence.vendor_root();
    if (vendor != nullptr && vendor->lists(revocation.key)) vendor_.insert(id);
    for (const auto& site : evidence.sites()) {
      const auto* root = evidence.site_root(site.id);
      if (root != nullptr && root->lists(revocation.key)) sites_[site.id].insert(id);
    }
    return;
  }
  if (revocation.what == trust::Revokes::kEnrolment) {
    sites_[revocation.site->id].insert(id);
    return;
  }
  // A device or a node: itself, and the other end of every approved grant that is still held.
  tell(revocation.identity(), id);
  for (const auto& grant_id : evidence.grants()) {
    const auto* held = evidence.grant(grant_id);
    if (held == nullptr || !complete(evidence.state(grant_id, now_))) continue;
    const auto grant = *held;
    if (revocation.what == trust::Revokes::kDevice && grant.device == revocation.identity()) {
      for (const auto& publisher : evidence.publishers(grant.service, now_)) {
        tell(publisher.node.identity, id);
      }
    }
    if (revocation.what == trust::Revokes::kNode && revocation.site == grant.site) {
      tell(grant.device, id);
    }
  }
}

}  // namespace culvert::coordinator

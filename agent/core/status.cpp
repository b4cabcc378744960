// What the core shows of itself.
#include "agent/core/core.hpp"

namespace culvert::agent {

ServiceView Core::view_of(Now now, const Right& right) const {
  const auto& live = right.live;
  const auto& own = access_->own().node();
  ServiceView view;
  view.fqdn = live.service.name.str();
  view.site = live.grant.site.name.str();
  view.protocol = live.service.protocol.str();
  view.endpoint = right.service;
  view.publisher = is_site() ? own.name.str() : right.other.name.str();
  view.grant = live.grant.id.str();
  view.ends = live.ends;
  if (right.waits_for_claim()) {
    view.claim_by = live.grant.claim_by;
    view.duration = live.grant.duration;
  }
  view.issuer = right.issuer;
  view.stopped = mesh_.has_stopped(right.other.wireguard);
  view.ready = mesh_.is_ready(now, right.other.wireguard, right.other.relay);
  return view;
}

std::vector<RequestView> Core::requests(Now now) const { return access_->requests().views(now); }

CoreCounters Core::counters(Now now) const {
  return {mesh_.counters(now), access_->rights().size()};
}

std::vector<ForkView> Core::forks() const {
  std::vector<ForkView> out;
  for (const trust::RootFork& fork : access_->evidence().forks()) {
    ForkView view{fork.root.kind, fork.root.name.str(), fork.root.epoch, {}};
    for (const auto& text : fork.texts) {
      ForkView::Text one{trust::format_hash(note::hash(text.note).view()), text.kept, {}, {}};
      for (const auto& line : text.note.signatures) one.signers.push_back(line.name);
      one.text = text.note.text;
      view.texts.push_back(std::move(one));
    }
    out.push_back(std::move(view));
  }
  return out;
}

std::vector<ServiceView> Core::services(Now now) const {
  std::vector<ServiceView> views;
  for (const auto& [id, right] : access_->rights()) views.push_back(view_of(now, right));
  return views;
}

std::optional<ServiceView> Core::resolve(Now now, const std::string& name) const {
  const auto host = trust::Fqdn::parse(name);
  if (!host) return std::nullopt;
  const Right* right = right_to(access_->rights(), *host, access_->evidence().sites());
  if (right == nullptr) return std::nullopt;
  return view_of(now, *right);
}

std::vector<std::string> Core::sites() const {
  std::vector<std::string> names;
  for (const trust::SiteRef& site : access_->evidence().sites()) names.push_back(site.name.str());
  return names;
}

IpAddress Core::address() const { return access_->own().node().address(); }

StatusView Core::status(Now now) const {
  const auto& node = access_->own().node();
  const auto& evidence = access_->evidence();
  StatusView view;
  view.role = access_->options().role;
  view.name = node.name.str();
  view.identity = crypto::format_ed25519(access_->keys().identity.public_key());
  view.person = node.person.str();
  view.site = node.site.name.str();
  view.address = node.address();
  view.coordinator = link_.url();
  view.coordinator_connected = link_.connected();
  view.coordinator_error = link_.error();
  view.admitted = evidence.node(now, access_->keys().identity.public_key()) != nullptr;
  if (!view.admitted) view.revoked = access_->own().revoked();
  view.home_relay = mesh_.home_relay();
  view.relay_connected = !view.home_relay.empty();
  if (!view.relay_connected) view.relay_error = relay_error();
  view.locked = evidence.locked();
  view.forked = evidence.forked();
  view.clock_ok = !evidence.clock_went_back(now);
  view.audit_ok = access_->audit_ok();
  view.lease_fresh = access_->leases().fresh(now);
  if (is_site()) {
    if (const auto* root = evidence.site_root(node.site.id)) view.root_epoch = root->epoch;
    if (const auto* policy = evidence.policy(node.site.id)) view.policy_serial = policy->serial;
  } else if (const auto* root = evidence.vendor_root()) {
    view.root_epoch = root->epoch;
  }
  if (access_->leases().wants(trust::RootKind::kSite)) {
    view.lease_error = access_->customer().error();
  }
  view.ends = access_->ends().view(now);
  view.documents = access_->documents().view();
  view.live_grants = access_->rights().size();
  view.refused_packets = mesh_.counters(now).filter_refused;
  view.peers = mesh_.peers(now);
  return view;
}

// Why no relay is connected.
std::optional<std::string> Core::relay_error() const {
  if (!relay_choice_.all_refused()) return mesh_.relay_error();
  return "the site's policy names its relays, and the coordinator offers none of them; next: the "
         "vendor lists them in the coordinator's configuration, or the customer mends the relay: "
         "lines";
}

}  // namespace culvert::agent

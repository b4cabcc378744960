// What the core shows of itself.
#include "agent/core/parts.hpp"

namespace culvert::agent {
namespace {

PathKind kind_of(path::PathKind kind) {
  switch (kind) {
    case path::PathKind::kUnknown:
      return PathKind::kNone;
    case path::PathKind::kRelay:
      return PathKind::kRelay;
    case path::PathKind::kDirect:
      return PathKind::kDirect;
  }
  return PathKind::kNone;
}

std::string describe(const trust::RequestState& state) {
  std::string out(trust::phase_name(state.phase));
  if (state.phase == trust::RequestPhase::kPending) {
    out += " (vendor " + std::to_string(state.vendor_missing) + " missing, customer " +
           std::to_string(state.customer_missing) + " missing)";
  } else if (state.phase == trust::RequestPhase::kInvalid && !state.why.empty()) {
    out += " (" + state.why + ")";
  }
  return out;
}

}  // namespace

RequestView Core::Parts::view_of(Now now, const trust::GrantId& id, const note::Note& note) const {
  RequestView view;
  view.grant = id.str();
  view.note = note.text;
  view.state = "PENDING";  // a laptop cannot judge it before it is complete: names stay dark
  if (const auto grant = trust::Grant::parse(note.text)) {
    view.site = grant->site.name.str();
    view.requester = grant->requester.str();
    view.service = grant->service.str();
    view.reason = grant->reason;
    view.ends = grant->not_after;
    view.claim_by = grant->claim_by;
    view.duration = grant->duration;
    if (grant->not_after <= now.wall) view.state = "EXPIRED";
  }
  const trust::RequestState state = evidence.state(id, now);
  if (evidence.grant(id) != nullptr) {
    view.state = describe(state);
    view.vendor_missing = state.vendor_missing;
    view.customer_missing = state.customer_missing;
    if (state.phase != trust::RequestPhase::kApproved &&
        state.phase != trust::RequestPhase::kPending)
      view.claim_by.reset();
    if (state.ends) view.ends = state.ends;
  } else if (state.phase == trust::RequestPhase::kRevoked) {
    view.state = trust::phase_name(trust::RequestPhase::kDenied);  // it never was complete here
  } else if (state.phase == trust::RequestPhase::kDenied) {
    view.state = trust::phase_name(trust::RequestPhase::kWithdrawn);  // by this device alone
  }
  return view;
}

bool Core::Parts::is_direct(Now now, const crypto::WireGuardKey& peer) const {
  return prober.status(now.steady, peer).kind == path::PathKind::kDirect;
}

std::vector<RequestView> Core::requests(Now now) const {
  const Parts& p = *parts_;
  std::map<trust::GrantId, note::Note> all = p.own_requests;
  if (p.options.role == Role::kSite) {
    for (const trust::GrantId& id : p.evidence.grants()) {
      if (const note::Note* note = p.evidence.grant_note(id)) all.emplace(id, *note);
    }
  }
  std::vector<RequestView> views;
  for (const auto& [id, note] : all) views.push_back(p.view_of(now, id, note));
  return views;
}

ServiceView Core::Parts::view_of(Now now, const Right& right) const {
  ServiceView view;
  view.fqdn = right.live.service.name.str();
  view.site = right.live.grant.site.name.str();
  view.protocol = right.live.service.protocol.str();
  view.endpoint = right.service;
  view.publisher = options.role == Role::kSite ? node.name.str() : right.other.name.str();
  view.grant = right.live.grant.id.str();
  view.ends = right.live.ends;
  if (!right.live.standing && !right.live.claimed) view.claim_by = right.live.grant.claim_by;
  if (view.claim_by) view.duration = right.live.grant.duration;
  view.issuer = right.issuer;
  view.stopped = has_stopped(right.other.wireguard);
  const bool relayed = !relays.home_for(right.other.relay).empty();
  view.ready = !view.stopped && (relayed || is_direct(now, right.other.wireguard));
  return view;
}

CoreCounters Core::counters(Now now) const {
  const Parts& p = *parts_;
  CoreCounters out{p.device.counters(), p.prober.counters(), p.filter.refused(), p.peers.size(), 0,
                   p.rights.size()};
  for (const auto& [key, peer] : p.peers) {
    if (p.is_direct(now, key)) ++out.direct;
  }
  return out;
}

std::vector<ForkView> Core::forks() const {
  std::vector<ForkView> out;
  for (const trust::RootFork& fork : parts_->evidence.forks()) {
    ForkView view;
    view.kind = fork.root.kind == trust::RootKind::kVendor ? "vendor" : "site";
    view.name = fork.root.name.str();
    view.epoch = fork.root.epoch;
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
  for (const auto& [id, right] : parts_->rights) views.push_back(parts_->view_of(now, right));
  return views;
}

std::optional<ServiceView> Core::resolve(Now now, const std::string& name) const {
  const auto host = trust::Fqdn::parse(name);
  if (!host) return std::nullopt;
  const Right* best = right_to(parts_->rights, *host, parts_->evidence.sites());
  if (best == nullptr) return std::nullopt;
  return parts_->view_of(now, *best);
}

std::vector<std::string> Core::sites() const {
  std::vector<std::string> names;
  for (const trust::SiteRef& site : parts_->evidence.sites()) names.push_back(site.name.str());
  return names;
}

IpAddress Core::address() const { return parts_->node.address(); }

StatusView Core::status(Now now) const {
  const Parts& p = *parts_;
  StatusView view;
  view.role = p.options.role == Role::kSite ? "site" : "device";
  view.name = p.node.name.str();
  view.identity = crypto::format_ed25519(p.keys.identity.public_key());
  view.person = p.node.person.str();
  view.site = p.node.site.name.str();
  view.address = p.node.address();
  view.coordinator = p.control_url;
  view.coordinator_connected = p.client && p.client->connected();
  view.coordinator_error = p.control_error;
  view.admitted = p.evidence.node(p.keys.identity.public_key(), now) != nullptr;
  if (!view.admitted) view.revoked = p.revoked_self();
  view.home_relay = p.relays.home();
  view.relay_connected = !view.home_relay.empty();
  if (!view.relay_connected) view.relay_error = p.relay_error;
  if (!view.relay_connected && p.relays_refused) {
    view.relay_error =
        "the site's policy names its relays, and the coordinator offers none of them; next: the "
        "vendor lists them in the coordinator's configuration, or the customer mends the relay: "
        "lines";
  }
  view.locked = p.evidence.locked();
  view.forked = p.evidence.forked();
  view.clock_ok = !p.evidence.clock_went_back(now);
  view.audit_ok = p.journal.writable();
  view.lease_fresh = p.leases.fresh(now);
  if (p.options.role == Role::kSite) {
    if (const auto* root = p.evidence.site_root(p.node.site.id)) view.root_epoch = root->epoch;
    if (const auto* policy = p.evidence.policy(p.node.site.id)) view.policy_serial = policy->serial;
  } else if (const auto* root = p.evidence.vendor_root()) {
    view.root_epoch = root->epoch;
  }
  if (p.leases.wants(trust::RootKind::kSite)) view.lease_error = p.lease_error;
  p.show_documents(now, view);
  view.live_grants = p.rights.size();
  view.refused_packets = p.filter.refused();
  for (const auto& [key, peer] : p.peers) {
    PeerView one;
    one.name = peer.node.name.str();
    one.identity = crypto::format_ed25519(peer.node.identity);
    one.address = peer.node.address();
    const path::PathStatus path = p.prober.status(now.steady, key);
    one.path = kind_of(path.kind);
    one.endpoint = path.endpoint;
    one.latency = path.latency;
    one.relay = p.relays.home_for(peer.node.relay);
    one.stopped = p.has_stopped(key);
    if (const auto info = p.device.peer(key)) {
      if (info->last_handshake) one.handshake_age = now.steady - info->last_handshake->steady;
      one.bytes_in = info->received_bytes;
      one.bytes_out = info->sent_bytes;
    }
    view.peers.push_back(std::move(one));
  }
  return view;
}

}  // namespace culvert::agent

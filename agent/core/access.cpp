// From grants to rights: what is in force now, compared with what was, applied by difference.
// Cuts act first and are logged after; what opens is in the audit log first (rule 7).
#include "agent/core/parts.hpp"

namespace culvert::agent {
namespace {

audit::Entry entry_of(audit::Kind kind, const Right& right) {
  audit::Entry entry;
  entry.kind = kind;
  entry.who = right.live.grant.requester.str();
  entry.device = crypto::format_ed25519(right.live.device.identity);
  entry.site = right.live.grant.site.name.str();
  entry.grant = right.live.grant.id.str();
  entry.service = right.live.service.name.str();
  return entry;
}

bool same_way(const Right& a, const Right& b) {
  return a.grantee == b.grantee && a.service == b.service;
}

const Right* of_service(const Rights& rights, const trust::LiveGrant& live) {
  const auto found = std::find_if(rights.begin(), rights.end(), [&](const auto& one) {
    return one.second.live.service.name == live.service.name;
  });
  return found == rights.end() ? nullptr : &found->second;
}

bool same_peer(const Right& a, const Right& b) { return a.other.wireguard == b.other.wireguard; }

}  // namespace

void Core::Parts::update_access(Now now) {
  access_dirty = false;
  if (stopping) {  // stop() has ended everything
    due.access = Instant::never();
    return journal.handle_timeout(now);
  }
  evidence.advance(now);
  journal.handle_timeout(now);
  find_silent(now);
  if (!journal.writable() && !audit_said) {
    log(LogLevel::kError, "the audit log cannot be written: nothing opens, in 25 s all is cut",
        "free space or repair the state folder");
  }
  audit_said = !journal.writable();
  const bool back = evidence.clock_went_back(now);
  if (back && !clock_said) {
    audit::Entry entry;
    entry.kind = audit::Kind::kClock;
    entry.detail = "the clock went back: no new grants";
    journal.ending(now, std::move(entry));
    log(LogLevel::kError, "the clock went back: no new grants until it is right again",
        "or run: culvert clock-reset");
  }
  clock_said = back;
  const bool forked = evidence.forked();
  if (forked && !fork_said) {
    log(LogLevel::kError, "a root has two texts for its newest epoch: no new grants",
        "see both: culvert fork list");
  }
  fork_said = forked;
  const auto live = concerning(evidence.live(now), options.role, keys.identity.public_key());
  leases.set_wanted(now, live);
  ask_leases(now);
  Rights next = desired_rights(now, live);
  next.swap(rights);  // `next` is what was
  unclaimed = false;
  for (const auto& [id, right] : rights) {
    filter.allow(right.grantee, right.service);
    const bool waits = !right.live.standing && !right.live.claimed;
    unclaimed = unclaimed || (options.role == Role::kDevice && waits);
  }
  if (!unclaimed) claiming.clear();
  for (const auto& [id, old] : next) {
    const auto still = rights.find(id);
    if (still != rights.end() && same_way(still->second, old) && same_peer(still->second, old)) {
      continue;
    }
    end_right(now, old, rights);
  }
  if (!effects.sealed.datagrams.empty()) transmit(now);  // resets, while their peers are known
  choose_relays();
  sync_peers(now);
  sync_listeners();
  persist(now);
  due.access = std::min(evidence.next_change(now), leases.next_deadline(now));
  if (!rights.empty()) due.access = std::min(due.access, now.steady + kRecheck);
}

// A publisher that answers no handshake, or that no relay knows and no direct path reaches. Not
// while this node has no way itself.
void Core::Parts::find_silent(Now now) {
  if (options.role != Role::kDevice) return;
  std::erase_if(silent, [&](const auto& one) { return one.second <= now.steady; });
  for (const auto& [key, need] : peers) {
    const auto info = device.peer(key);
    const bool direct = is_direct(now, key);
    if (!info || (relays.home_for(need.node.relay).empty() && !direct)) continue;
    const Instant since =
        std::max(info->unanswered_since.value_or(now.steady), relays.ready_since(need.node.relay));
    const bool gone = relays.says_gone(need.node.relay) && !direct;
    if (gone || now.steady - since >= kPublisherPatience) {
      silent[need.node.identity] = now.steady + kPassedOver;
    } else if (!info->unanswered_since) {
      silent.erase(need.node.identity);  // it answers again
    }
  }
}

Rights Core::Parts::desired_rights(Now now, const std::vector<trust::LiveGrant>& live) {
  Rights next;
  if (journal.broken(now)) {
    if (!broken_said) {
      log(LogLevel::kError, "the audit log cannot be written: everything is cut",
          "free space or repair the state folder");
    }
    broken_said = true;
    return next;
  }
  broken_said = false;
  for (const trust::LiveGrant& one : live) {
    if (!leases.covers(one, now)) continue;
    const auto before = rights.find(one.grant.id);
    // On a laptop all grants for a service lead to one publisher: its address has one route.
    const bool chooses = options.role == Role::kDevice;
    const Right* keep = chooses ? of_service(next, one) : nullptr;
    if (chooses && keep == nullptr) keep = of_service(rights, one);
    auto right = right_of(one, options.role, keys.identity.public_key(), keep, silent);
    if (!right) continue;
    if (is_disputed(right->other, next, peer_set)) {
      if (disputed.size() < kMaxDisputed && disputed.insert(one.grant.id).second) {
        log(LogLevel::kError, "a grant is not in force: another node has the same WireGuard key",
            one.grant.id.str() + " " + right->other.name.str());
      }
      continue;
    }
    disputed.erase(one.grant.id);
    if (!options.sound_issuer || !options.sound_issuer(right->issuer, one.grant.site.name.str())) {
      right->issuer.clear();
    }
    if (before == rights.end()) {
      // Nothing new while the floors cannot be kept, and not without its audit entry.
      if (!store_ok || !journal.opening(now, entry_of(audit::Kind::kGrantActive, *right))) continue;
      log(LogLevel::kInfo, "grant in force",
          one.grant.id.str() + " " + one.grant.requester.str() + " " + one.service.name.str() +
              (one.claimed || one.standing
                   ? " until " + format_time(one.ends)
                   : ", to be claimed by " + format_time(one.grant.claim_by)));
    }
    next.emplace(one.grant.id, std::move(*right));
  }
  return next;
}

void Core::Parts::end_right(Now now, const Right& right, const Rights& rest) {
  // An extension goes on with the flows of what it extends.
  const bool goes_on = std::any_of(rest.begin(), rest.end(), [&](const auto& other) {
    return same_way(other.second, right) && same_peer(other.second, right);
  });
  const std::string why = why_ended(now, right);
  if (!goes_on) {
    const auto cut = filter.forbid(right.grantee, right.service);
    reset(cut);
    tell_peer(now, cut);
    const bool site = options.role == Role::kSite;
    effects.events.emplace_back(
        CutFlows{site ? right.grantee : right.other.address(), right.service, why});
    // Another publisher of the same service, or another device, starts with no old flows.
    for (const auto& [id, other] : rest) {
      if (same_way(other, right)) filter.allow(other.grantee, other.service);
    }
  }
  if (rest.contains(right.live.grant.id)) {  // it goes on by another publisher
    log(LogLevel::kInfo, "grant moved",
        right.live.grant.id.str() + ": from " + right.other.name.str() + " to " +
            rest.at(right.live.grant.id).other.name.str());
    return;
  }
  const bool lapsed = why == "lease lapsed";
  audit::Entry entry =
      entry_of(lapsed ? audit::Kind::kLeaseLapsed : audit::Kind::kGrantEnded, right);
  entry.outcome = why;
  journal.ending(now, std::move(entry));
  log(LogLevel::kInfo, "grant ended", right.live.grant.id.str() + ": " + why);
}

std::string Core::Parts::why_ended(Now now, const Right& right) const {
  if (journal.broken(now)) return "audit log unwritable";
  if (evidence.locked()) return "locked";
  if (right.live.standing)
    return leases.covers(right.live, now) ? "policy changed" : "lease lapsed";
  const trust::RequestState state = evidence.state(right.live.grant.id, now);
  switch (state.phase) {
    case trust::RequestPhase::kApproved:
    case trust::RequestPhase::kActive:
      if (!state.why.empty()) return state.why;
      return leases.covers(right.live, now) ? "publisher changed" : "lease lapsed";
    case trust::RequestPhase::kInvalid:
    case trust::RequestPhase::kPending:
      return state.why.empty() ? "no longer borne" : state.why;
    case trust::RequestPhase::kCompleted:
    case trust::RequestPhase::kExpired:
    case trust::RequestPhase::kRevoked:
    case trust::RequestPhase::kDenied:
    case trust::RequestPhase::kWithdrawn:
      return std::string(trust::phase_name(state.phase));
  }
  return "ended";
}

void Core::Parts::sync_peers(Now now) {
  peer_set = peers_of(rights, options.role, peer_set);
  Peers needed;
  for (const auto& [key, need] : peer_set) needed.emplace(key, PeerNeed{need});
  bool changed = false;
  for (const auto& [key, had] : peers) {
    const auto still = needed.find(key);
    if (had.owns_relay && (still == needed.end() || !still->second.owns_relay ||
                           still->second.node.relay != had.node.relay)) {
      by_relay_key.erase(had.node.relay);
    }
    if (still != needed.end()) continue;
    device.remove_peer(key);
    prober.remove_peer(key);
    changed = true;
  }
  for (auto& [key, need] : needed) {
    const std::vector<Prefix> allowed(need.allowed.begin(), need.allowed.end());
    const auto had = peers.find(key);
    if (had == peers.end()) {
      wireguard::PeerConfig config;
      config.public_key = key;
      config.allowed_ips = allowed;
      if (auto added = device.add_peer(now, std::move(config)); !added) {
        log(LogLevel::kError, "peer refused", added.error().message);
      }
      changed = true;
    } else {
      if (had->second.node.identity == need.node.identity) need.state = had->second.state;
      if (had->second.allowed != need.allowed) device.set_allowed_ips(key, allowed);
    }
    path::PeerInfo info{key, need.node.disco, need.node.relay, std::nullopt};
    if (need.owns_relay) info.home = relays.index_for(need.node.relay);
    if (auto added = prober.add_peer(now.steady, info); !added) {
      log(LogLevel::kError, "path refused", added.error().message);
    }
    if (need.owns_relay) by_relay_key.insert_or_assign(need.node.relay, key);
  }
  peers = std::move(needed);
  if (changed) relays.pairs_changed(now);
  relays.set_wanted(now, options.role == Role::kSite || !peers.empty(), effects);
}

// A service has an address and a listener here while somebody may use it.
void Core::Parts::sync_listeners() {
  if (options.role != Role::kSite) return;
  std::map<Endpoint, std::string> needed;
  std::map<Endpoint, bool> tls;
  for (const auto& [id, right] : rights) {
    needed[right.service] = right.live.service.name.str();
    tls[right.service] = right.live.service.is(trust::Protocol::kTls);
  }
  for (const auto& [endpoint, fqdn] : listening) {
    if (needed.contains(endpoint)) continue;
    effects.events.emplace_back(UnlistenService{fqdn, endpoint});
    effects.events.emplace_back(RemoveAddress{endpoint.address});
  }
  for (const auto& [endpoint, fqdn] : needed) {
    if (listening.contains(endpoint)) continue;
    effects.events.emplace_back(AddAddress{endpoint.address});
    effects.events.emplace_back(ListenService{fqdn, endpoint, tls[endpoint]});
  }
  listening = std::move(needed);
}

// Floors when they changed, notes when they did. A store that fails stops new grants, never cuts.
void Core::Parts::persist(Now now) {
  const bool floors_changed = evidence.floors_revision() != stored_revision;
  const bool wall_due = due.wall_save <= now.steady;
  if (!floors_changed && !notes_dirty && !offers.unsaved && !wall_due && store_ok) return;
  if (!store_ok && due.store_retry > now.steady) return;
  Status done;
  if (floors_changed || wall_due || !store_ok) done = memory.save(evidence.floors());
  if (done && notes_dirty) done = memory.save(evidence.notes());
  if (done && offers.unsaved) done = memory.save_revocations(offers.kept.notes());
  if (!done) {
    if (store_ok)
      log(LogLevel::kError, "the site store fails: no new grants", done.error().message);
    store_ok = false;
    due.store_retry = due.wall_save = now.steady + kStoreRetry;
    return;
  }
  if (!store_ok) access_dirty = true;  // what had to wait may begin
  store_ok = true;
  due.store_retry = Instant::never();
  stored_revision = evidence.floors_revision();
  notes_dirty = offers.unsaved = false;
  due.wall_save = now.steady + kWallSave;
}

const Right* Core::Parts::right_for(const IpAddress& grantee, const std::string& fqdn) const {
  const Right* best = nullptr;
  for (const auto& [id, right] : rights) {
    if (right.grantee != grantee || right.live.service.name.str() != fqdn) continue;
    if (best == nullptr || best->live.ends < right.live.ends) best = &right;
  }
  return best;
}

}  // namespace culvert::agent

// Enrolments, the statements of nodes, and what they serve.
#include <algorithm>

#include "proto/trust/evidence_state.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::trust {
namespace {

Status check_times(WallTime issued, WallTime expires, WallTime now, const char* what) {
  if (now >= expires) return fail(ErrorCode::kStale, std::string(what) + ": expired");
  if (issued > now + kIssuedSkew) {
    return fail(ErrorCode::kStale, std::string(what) + ": issued in the future; check the clocks");
  }
  return {};
}

struct NamedKey {
  const char* name;
  std::array<std::uint8_t, 32> bytes;
};
std::array<NamedKey, 4> keys_of(const NodeFloor& floor) {
  return {{{"WireGuard", floor.wireguard.bytes},
           {"control", floor.control.bytes},
           {"relay", floor.relay.bytes},
           {"disco", floor.disco.bytes}}};
}
std::array<NamedKey, 4> keys_of(const Node& node) {
  return {{{"WireGuard", node.wireguard.bytes},
           {"control", node.control.bytes},
           {"relay", node.relay.bytes},
           {"disco", node.disco.bytes}}};
}

}  // namespace

Result<Change> Evidence::State::offer_enrolment(const note::Note& note, WallTime now) {
  auto enrolment = Enrolment::parse(note.text);
  if (!enrolment) return fail_with(enrolment.error());
  const auto* known = usable(enrolment->site);
  if (known == nullptr) return unverified("enrolment: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  const auto held = site.enrolments.find(hash);
  if (held != site.enrolments.end()) {
    const auto more = more_lines(held->second.note, note, &site);
    if (!more) return fail_with(more.error());
    if (*more) revouch(site.id);  // what rests on the enrolment may count again
    return Change{*more ? ChangeKind::kEnrolment : ChangeKind::kNone, hash, site.id, {}, {}};
  }
  if (auto status = vouch(site, *enrolment, note); !status) return fail_with(status.error());
  if (listed_in_a_root(enrolment->key)) {
    return fail(ErrorCode::kConflict, "enrolment: its one-time key stands in a root");
  }
  if (now >= enrolment->renew_until + kMaxAgentLife) {
    return fail(ErrorCode::kStale, "enrolment: no node of it can be in force any longer");
  }
  if (site.enrolments.size() >= kMaxEnrolments) {
    return fail(ErrorCode::kExhausted, "enrolment: the site has too many of them");
  }
  site.enrolments.insert_or_assign(
      hash, Held<Enrolment>{std::move(*enrolment), stripped(note, &site), true});
  return Change{ChangeKind::kEnrolment, hash, site.id, {}, {}};
}

// Each key of a node belongs to the first identity that had it.
Status Evidence::State::check_keys(const Node& node) const {
  const auto conflict = [](const char* which, const IdentityKey& owner) {
    return fail(ErrorCode::kConflict, std::string("node: its ") + which + " key belongs to " +
                                          crypto::format_ed25519(owner));
  };
  for (const auto& key : keys_of(node)) {
    const auto owner = keys.find(key.bytes);
    if (owner != keys.end() && owner->second != node.identity) {
      return conflict(key.name, owner->second);
    }
    const IdentityKey same{key.bytes};
    if (floors.nodes.count(same) != 0) return conflict(key.name, same);
  }
  return {};
}

// What a node that is vouched for must still not be.
Status Evidence::State::admit(const Node& node, const Hash& hash, WallTime now) const {
  const auto floor = floors.nodes.find(node.identity);
  const bool agent = node.kind == NodeKind::kAgent;
  if (floor != floors.nodes.end()) {
    if (floor->second.site.is_zero() == agent) {
      return fail(ErrorCode::kConflict, "node: an agent and a device with one identity");
    }
    auto status =
        check_serial(node.serial, hash, floor->second.serial, floor->second.statement, "node");
    if (!status) return status;
  } else if (agent) {
    return unverified("node: it is not enrolled here");
  } else if (const auto count = identities.find(SiteId{});
             count != identities.end() && count->second >= kMaxDevices) {
    return fail(ErrorCode::kExhausted, "node: the vendor has too many devices");
  }
  if (auto status = check_times(node.issued, node.expires, now, "node"); !status) return status;
  if (revoked(node)) return fail(ErrorCode::kDenied, "node: revoked");
  if (replaced(node.identity)) return fail(ErrorCode::kDenied, "node: another one replaced it");
  if (listed_in_a_root(node.identity)) {
    return fail(ErrorCode::kConflict, "node: its identity key stands in a root");
  }
  return check_keys(node);
}

Result<Change> Evidence::State::offer_node(const note::Note& note, Now now) {
  auto node = Node::parse(note.text);
  if (!node) return fail_with(node.error());
  const auto identity = node->identity;
  const auto hash = note::hash(note);
  Change change{ChangeKind::kNode, hash, {}, {}, identity};
  if (node->kind == NodeKind::kAgent) change.site = node->site.id;
  const auto held = nodes.find(identity);
  if (held != nodes.end() && held->second.note.text == note.text) {
    const auto more = more_lines(held->second.note, note, site_of(*node), own_keys(*node));
    if (!more) return fail_with(more.error());
    if (!*more) change.kind = ChangeKind::kNone;
    if (*more) revouch_node(identity);
    return change;
  }
  if (auto status = vouch(*node, note); !status) return fail_with(status.error());
  if (auto status = admit(*node, hash, clock(now)); !status) {
    if (status.error().code == ErrorCode::kConflict) {
      alarms.raise(AlarmKind::kKey, node->site.id, identity,
                   status.error().message + ", and " + node->name.str() + " (" +
                       crypto::format_ed25519(identity) + ") claims it",
                   clock(now));
    }
    return fail_with(status.error());
  }
  if (floors.nodes.count(identity) == 0) ++identities[SiteId{}];  // an agent's is there already
  forget_keys(identity);
  auto& floor = floors.nodes[identity];
  floor.serial = node->serial;
  floor.statement = hash;
  floor.wireguard = node->wireguard;
  floor.control = node->control;
  floor.relay = node->relay;
  floor.disco = node->disco;
  keep(floor, node->expires, now);
  for (const auto& key : keys_of(floor)) keys[key.bytes] = identity;
  ++revision;
  auto kept = stripped(note, site_of(*node), own_keys(*node));
  nodes.insert_or_assign(identity, Held<Node>{std::move(*node), std::move(kept), true});
  revouch_node(identity);
  return change;
}

Result<Change> Evidence::State::offer_service(const note::Note& note, Now now) {
  auto service = Service::parse(note.text);
  if (!service) return fail_with(service.error());
  const auto identity = service->node;
  const auto hash = note::hash(note);
  Change change{ChangeKind::kService, hash, service->site.id, {}, identity};
  if (auto status = vouch(*service, note); !status) return fail_with(status.error());
  auto& floor = floors.nodes.at(identity);  // its node is vouched for, so it has one
  if (auto status =
          check_serial(service->serial, hash, floor.service_serial, floor.service, "service");
      !status) {
    return fail_with(status.error());
  }
  auto times = check_times(service->issued, service->expires, clock(now), "service");
  if (!times) return fail_with(times.error());
  const auto held = services.find(identity);
  if (held != services.end() && held->second.vouched && held->second.note.text == note.text) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  floor.service_serial = service->serial;
  floor.service = hash;
  keep(floor, service->expires, now);
  ++revision;
  const note::KnownKey own{"node", identity};
  auto kept = stripped(note, nullptr, std::span<const note::KnownKey>(&own, 1));
  services.insert_or_assign(identity, Held<Service>{std::move(*service), std::move(kept), true});
  return change;
}

void Evidence::State::index_floors() {
  for (const auto& [id, ended] : floors.tombstones) {
    if (!ended.device.is_zero()) shares.ended_of_device.add(ended.device);
  }
  for (const auto& [id, entry] : floors.revoked) {
    shares.revoked_by.add(entry.signer);
    shares.revoked_at[id.site].add(entry.signer);
  }
  for (const auto& [key, epoch] : floors.suspended) shares.suspended_in.add(key.second);
  for (const auto& [identity, floor] : floors.nodes) {
    ++identities[floor.site];
    if (floor.serial == 0) continue;
    for (const auto& key : keys_of(floor)) keys[key.bytes] = identity;
  }
}

void Evidence::State::forget_keys(const IdentityKey& identity) {
  const auto floor = floors.nodes.find(identity);
  if (floor == floors.nodes.end() || floor->second.serial == 0) return;
  for (const auto& key : keys_of(floor->second)) keys.erase(key.bytes);
}

void Evidence::State::keep(NodeFloor& floor, WallTime end, Now now) const {
  floor.forget = std::max(floor.forget, store_clock.forget_at(end, now, kNodeFloorKeep));
}

// Floors of nodes go at their age; enrolments by the kept time, which no jump of the clock moves.
void Evidence::State::prune_nodes() {
  for (auto it = floors.nodes.begin(); it != floors.nodes.end();) {
    if (it->second.forget > floors.clock.age) {
      ++it;
      continue;
    }
    forget_keys(it->first);
    nodes.erase(it->first);
    services.erase(it->first);
    if (--identities[it->second.site] == 0) identities.erase(it->second.site);
    it = floors.nodes.erase(it);
  }
  for (auto& entry : sites) {
    auto& site = entry.second;
    std::erase_if(site.enrolments, [&](const auto& held) {
      return held.second.statement.renew_until + kNodeFloorKeep <= floors.clock.kept;
    });
    std::erase_if(site.enrolled, [&](const auto& held) {
      return site.enrolments.count(held.second.statement.enrolment) == 0;
    });
  }
}

}  // namespace culvert::trust

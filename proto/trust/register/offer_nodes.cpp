// Enrolments, the statements of nodes, and service statements, as they arrive.
#include <algorithm>

#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {

namespace {

Status check_times(WallTime issued, WallTime expires, WallTime now, const char* what) {
  if (now >= expires) return fail(ErrorCode::kStale, std::string(what) + ": expired");
  return check_issued(issued, now, what);
}

}  // namespace

Result<Change> Register::State::offer_enrolment(WallTime now, const note::Note& note) {
  auto enrolment = Enrolment::parse(note.text);
  if (!enrolment) return fail_with(enrolment.error());
  const auto* known = usable(enrolment->site);
  if (known == nullptr) return unverified("enrolment: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  const auto held = site.enrolments.find(hash);
  if (held != site.enrolments.end()) {
    const auto more = roots.more_lines(held->second.note, note, &root_of(site));
    if (!more) return fail_with(more.error());
    if (*more) revouch(site.id);  // statements under the enrolment may count again
    return Change{*more ? ChangeKind::kEnrolment : ChangeKind::kNone, hash, site.id, {}, {}};
  }
  if (auto status = vouch(site, *enrolment, note); !status) return fail_with(status.error());
  if (roots.lists(enrolment->key)) {
    return fail(ErrorCode::kConflict, "enrolment: its one-time key stands in a root");
  }
  if (now >= enrolment->renew_until + kMaxAgentLife) {
    return fail(ErrorCode::kStale, "enrolment: no node of it can be in force any longer");
  }
  if (site.enrolments.size() >= kMaxEnrolments) {
    return fail(ErrorCode::kExhausted, "enrolment: the site has too many of them");
  }
  site.enrolments.insert_or_assign(
      hash, Held<Enrolment>{std::move(*enrolment), roots.stripped(note, &root_of(site)), true});
  return Change{ChangeKind::kEnrolment, hash, site.id, {}, {}};
}

// The further rules for a node statement whose signatures are sufficient.
Status Register::State::admit(WallTime now, const Node& node, const Hash& hash) const {
  const auto* floor = identities.find(node.identity);
  const bool agent = node.kind == NodeKind::kAgent;
  if (floor != nullptr) {
    if (floor->site.is_zero() == agent) {
      return fail(ErrorCode::kConflict, "node: an agent and a device with one identity");
    }
    auto status = check_serial(node.serial, hash, {floor->serial, floor->statement}, "node");
    if (!status) return status;
  } else if (agent) {
    return unverified("node: it is not enrolled here");
  } else if (identities.count(SiteId{}) >= kMaxDevices) {
    return fail(ErrorCode::kExhausted, "node: the vendor has too many devices");
  }
  if (auto status = check_times(node.issued, node.expires, now, "node"); !status) return status;
  if (revoked(node)) return fail(ErrorCode::kDenied, "node: revoked");
  if (identities.replaced(node.identity)) {
    return fail(ErrorCode::kDenied, "node: another one replaced it");
  }
  if (roots.lists(node.identity)) {
    return fail(ErrorCode::kConflict, "node: its identity key stands in a root");
  }
  return identities.check_keys(node);
}

Result<Change> Register::State::offer_node(Now now, const note::Note& note) {
  auto node = Node::parse(note.text);
  if (!node) return fail_with(node.error());
  const auto identity = node->identity;
  const auto hash = note::hash(note);
  Change change{ChangeKind::kNode, hash, {}, {}, identity};
  if (node->kind == NodeKind::kAgent) change.site = node->site.id;
  const std::vector<note::KnownKey> own = {{node->name.str(), identity}};
  const auto held = nodes.find(identity);
  if (held != nodes.end() && held->second.note.text == note.text) {
    const auto more = roots.more_lines(held->second.note, note, root_beside(*node), own);
    if (!more) return fail_with(more.error());
    if (!*more) change.kind = ChangeKind::kNone;
    if (*more) revouch_node(identity);
    return change;
  }
  if (auto status = vouch(*node, note); !status) return fail_with(status.error());
  const auto clock_now = clock.clock(now);
  if (auto status = admit(clock_now, *node, hash); !status) {
    if (status.error().code == ErrorCode::kConflict) {
      alarms.raise(AlarmKind::kKey, node->site.id, identity,
                   status.error().message + ", and " + node->name.str() + " (" +
                       crypto::format_ed25519(identity) + ") claims it",
                   clock_now);
    }
    return fail_with(status.error());
  }
  identities.accept(*node, hash, forget_node(now, node->expires));
  ++revision;
  auto kept = roots.stripped(note, root_beside(*node), own);
  nodes.insert_or_assign(identity, Held<Node>{std::move(*node), std::move(kept), true});
  revouch_node(identity);
  return change;
}

Result<Change> Register::State::offer_service(Now now, const note::Note& note) {
  auto service = Service::parse(note.text);
  if (!service) return fail_with(service.error());
  const auto identity = service->node;
  const auto hash = note::hash(note);
  Change change{ChangeKind::kService, hash, service->site.id, {}, identity};
  if (auto status = vouch(*service, note); !status) return fail_with(status.error());
  const auto& floor = *identities.find(identity);  // a node that is vouched for has a floor
  if (auto status =
          check_serial(service->serial, hash, {floor.service_serial, floor.service}, "service");
      !status) {
    return fail_with(status.error());
  }
  auto times = check_times(service->issued, service->expires, clock.clock(now), "service");
  if (!times) return fail_with(times.error());
  const auto held = services.find(identity);
  if (held != services.end() && held->second.vouched && held->second.note.text == note.text) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  identities.accept(*service, hash, forget_node(now, service->expires));
  ++revision;
  const note::KnownKey own{"node", identity};
  auto kept = roots.stripped(note, nullptr, std::span<const note::KnownKey>(&own, 1));
  services.insert_or_assign(identity, Held<Service>{std::move(*service), std::move(kept), true});
  return change;
}

StoreAge Register::State::forget_node(Now now, WallTime end) const {
  return clock.forget_at(now, end, kNodeFloorKeep);
}

// Floors of nodes are forgotten at an age of the store. Enrolments are forgotten by the kept time,
// which no jump of the wall clock moves.
void Register::State::prune_nodes() {
  const auto forgotten = identities.forget(clock.stored().age);
  for (const auto& identity : forgotten) {
    nodes.erase(identity);
    services.erase(identity);
  }
  if (!forgotten.empty()) ++revision;
  for (auto& entry : sites) {
    auto& site = entry.second;
    std::erase_if(site.enrolments, [&](const auto& held) {
      return held.second.statement.renew_until + kNodeFloorKeep <= clock.stored().kept;
    });
    std::erase_if(site.enrolled, [&](const auto& held) {
      return site.enrolments.count(held.second.statement.enrolment) == 0;
    });
  }
}

}  // namespace culvert::trust

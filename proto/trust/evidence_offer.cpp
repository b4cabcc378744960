#include <algorithm>

#include "proto/trust/evidence_state.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::trust {
namespace {

tl::unexpected<Error> unverified(std::string why) {
  return fail(ErrorCode::kUnverified, std::move(why));
}

// How an offered serial stands to the highest one seen.
Status check_serial(std::uint64_t serial, const Hash& hash, std::uint64_t floor,
                    const Hash& floor_hash, const char* what) {
  if (serial < floor) {
    return fail(ErrorCode::kStale, std::string(what) + ": serial " + std::to_string(serial) +
                                       " is older than " + std::to_string(floor));
  }
  if (serial == floor && hash != floor_hash) {
    return fail(ErrorCode::kConflict,
                std::string(what) + ": serial " + std::to_string(serial) + " has two texts");
  }
  return {};
}

Status check_times(WallTime issued, WallTime expires, WallTime now, const char* what) {
  if (now >= expires) return fail(ErrorCode::kStale, std::string(what) + ": expired");
  if (issued > now + kIssuedSkew) {
    return fail(ErrorCode::kStale, std::string(what) + ": issued in the future; check the clocks");
  }
  return {};
}

}  // namespace

Result<Change> Evidence::State::offer(const note::Note& note, Now now) {
  adopt_vendor();
  const auto kind = kind_of(note.text);
  if (!kind) return fail(ErrorCode::kInvalid, "note: unknown type or version");
  switch (*kind) {
    case Kind::kRoot:
      return offer_root(note);
    case Kind::kSite:
      return offer_site(note);
    case Kind::kPolicy:
      return offer_policy(note);
    case Kind::kFresh:
      return offer_fresh(note, clock(now));
    case Kind::kEnrolment:
      return offer_enrolment(note, clock(now));
    case Kind::kNode:
      return offer_node(note, clock(now));
    case Kind::kService:
      return offer_service(note, clock(now));
    case Kind::kGrant:
      return offer_grant(note, now);
    case Kind::kRevocation:
      return offer_revocation(note, now);
    case Kind::kPlaces:
      return offer_places(note);
    case Kind::kLease:
    case Kind::kTicket:
    case Kind::kState:
      return fail(ErrorCode::kInvalid,
                  "note: leases, tickets and states are checked where they are used");
  }
  return fail(ErrorCode::kInternal, "note: unknown kind");
}

Result<Change> Evidence::State::offer_policy(const note::Note& note) {
  auto policy = Policy::parse(note.text);
  if (!policy) return fail_with(policy.error());
  const auto* known = usable(policy->site);
  if (known == nullptr) return unverified("policy: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  auto& floor = floors.sites[site.id];
  if (site.policy && site.policy->note.text == note.text) {
    const auto more = more_lines(site.policy->note, note, &site);
    if (!more) return fail_with(more.error());
    if (*more) revouch(site.id);
    return Change{*more ? ChangeKind::kPolicy : ChangeKind::kNone, hash, site.id, {}, {}};
  }
  if (auto status = vouch(site, *policy, note); !status) return fail_with(status.error());
  if (auto status = check_serial(policy->serial, hash, floor.policy_serial, floor.policy, "policy");
      !status) {
    return fail_with(status.error());
  }
  if (policy->serial == floor.policy_serial + 1 && floor.policy_serial != 0 &&
      policy->previous != floor.policy) {
    return fail(ErrorCode::kConflict, "policy: does not follow the one that is known");
  }
  floor.policy_serial = policy->serial;
  floor.policy = hash;
  ++revision;
  site.policy = Held<Policy>{std::move(*policy), stripped(note, &site), true};
  assess_grants(site.id, {});
  return Change{ChangeKind::kPolicy, hash, site.id, {}, {}};
}

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
    if (*more) revouch(site.id);
    return Change{*more ? ChangeKind::kEnrolment : ChangeKind::kNone, hash, site.id, {}, {}};
  }
  if (auto status = vouch(site, *enrolment, note); !status) return fail_with(status.error());
  if (listed_in_a_root(enrolment->key)) {
    return fail(ErrorCode::kConflict, "enrolment: its one-time key stands in a root");
  }
  if (now >= enrolment->not_after + kMaxAgentLife) {
    return fail(ErrorCode::kStale, "enrolment: no node of it can be in force any longer");
  }
  if (site.enrolments.size() >= kMaxEnrolments) {
    return fail(ErrorCode::kExhausted, "enrolment: too many of them");
  }
  site.enrolments.insert_or_assign(
      hash, Held<Enrolment>{std::move(*enrolment), stripped(note, &site), true});
  revouch(site.id);
  return Change{ChangeKind::kEnrolment, hash, site.id, {}, {}};
}

// What a node that is vouched for must still not be.
Status Evidence::State::admit(const Node& node, const Hash& hash, WallTime now) const {
  const auto floor = floors.nodes.find(node.identity);
  if (floor != floors.nodes.end()) {
    auto status =
        check_serial(node.serial, hash, floor->second.serial, floor->second.statement, "node");
    if (!status) return status;
  } else if (floors.nodes.size() >= kMaxNodes) {
    return fail(ErrorCode::kExhausted, "node: too many nodes");
  }
  if (auto status = check_times(node.issued, node.expires, now, "node"); !status) return status;
  if (revoked(node)) return fail(ErrorCode::kDenied, "node: revoked");
  if (listed_in_a_root(node.identity)) {
    return fail(ErrorCode::kConflict, "node: its identity key stands in a root");
  }
  const auto held = nodes.find(node.identity);
  if (held != nodes.end() && held->second.statement.kind != node.kind) {
    return fail(ErrorCode::kConflict, "node: an agent and a device with one identity");
  }
  const auto claim = wireguard.find(node.wireguard);
  if (claim != wireguard.end() && claim->second != node.identity) {
    return fail(ErrorCode::kConflict,
                "node: its WireGuard key belongs to " + crypto::format_ed25519(claim->second));
  }
  return {};
}

Result<Change> Evidence::State::offer_node(const note::Note& note, WallTime now) {
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
  if (auto status = admit(*node, hash, now); !status) return fail_with(status.error());
  auto& floor = floors.nodes[identity];
  if (floor.serial != 0) wireguard.erase(floor.wireguard);
  floor.serial = node->serial;
  floor.statement = hash;
  floor.wireguard = node->wireguard;
  floor.keep_until = std::max(floor.keep_until, node->expires + kNodeFloorKeep);
  wireguard[node->wireguard] = identity;
  ++revision;
  auto kept = stripped(note, site_of(*node), own_keys(*node));
  nodes.insert_or_assign(identity, Held<Node>{std::move(*node), std::move(kept), true});
  revouch_node(identity);
  return change;
}

Result<Change> Evidence::State::offer_service(const note::Note& note, WallTime now) {
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
  auto times = check_times(service->issued, service->expires, now, "service");
  if (!times) return fail_with(times.error());
  const auto held = services.find(identity);
  if (held != services.end() && held->second.vouched && held->second.note.text == note.text) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  floor.service_serial = service->serial;
  floor.service = hash;
  floor.keep_until = std::max(floor.keep_until, service->expires + kNodeFloorKeep);
  ++revision;
  const note::KnownKey own{"node", identity};
  auto kept = stripped(note, nullptr, std::span<const note::KnownKey>(&own, 1));
  services.insert_or_assign(identity, Held<Service>{std::move(*service), std::move(kept), true});
  return change;
}

}  // namespace culvert::trust

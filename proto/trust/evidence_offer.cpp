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
    case Kind::kLease:
    case Kind::kTicket:
      return fail(ErrorCode::kInvalid, "note: leases and tickets are checked where they are used");
  }
  return fail(ErrorCode::kInternal, "note: unknown kind");
}

Result<Change> Evidence::State::offer_root(const note::Note& note) {
  const auto root = Root::parse(note.text);
  if (!root) return fail_with(root.error());
  const auto hash = note::hash(note);
  const auto genesis = root->genesis_hash(hash);
  Change change{ChangeKind::kVendorRoot, hash, {}, {}, {}};
  RootChain* chain = nullptr;
  if (root->kind == RootKind::kVendor) {
    if (!vendor || vendor->pin() != genesis) return unverified("root: of a vendor not known here");
    chain = &*vendor;
  } else {
    const auto id = to_site_id(genesis);
    const auto found = sites.find(id);
    const bool wanted = pins.site_root == genesis ||
                        (found != sites.end() && (found->second.pinned || found->second.entry));
    if (!wanted) return unverified("root: of a site that nobody known here vouches for");
    chain = &site_record(id).chain;
    change.kind = ChangeKind::kSiteRoot;
    change.site = id;
  }
  const auto before = chain->floor();
  const auto moved = chain->offer(note);
  if (chain->floor() != before) ++revision;
  if (change.site) {
    if (chain->current() != nullptr) floors.sites[*change.site].name = chain->current()->name;
    const auto floor = floors.sites.find(*change.site);
    if (floor != floors.sites.end()) floor->second.root = chain->floor();
  } else if (chain->floor().epoch != 0) {
    floors.vendors[to_vendor_id(genesis)] = chain->floor();
  }
  if (!moved) return fail_with(moved.error());
  if (!*moved) return Change{ChangeKind::kNone, hash, change.site, {}, {}};
  std::erase_if(floors.suspended, [&](const auto& entry) {
    return root->lists(entry.first) && entry.second < root->epoch;
  });
  adopt_vendor();
  revouch(change.site);
  return change;
}

Result<Change> Evidence::State::offer_site(const note::Note& note) {
  auto site = Site::parse(note.text);
  if (!site) return fail_with(site.error());
  if (auto status = vouch(*site, note); !status) return fail_with(status.error());
  const auto hash = note::hash(note);
  const auto id = site->site.id;
  // One name is one site for ever, also across restarts: the first binding that was verified
  // stands.
  for (const auto& [known, floor] : floors.sites) {
    if (floor.name == site->site.name && known != id) {
      return fail(ErrorCode::kConflict, "site: " + floor.name.str() + " is another site already");
    }
  }
  for (const auto& [known, record] : sites) {
    if (record.entry && record.entry->statement.site.name == site->site.name && known != id) {
      return fail(ErrorCode::kConflict,
                  "site: " + site->site.name.str() + " is another site already");
    }
  }
  if (sites.size() >= kMaxSites && sites.count(id) == 0) {
    return fail(ErrorCode::kExhausted, "site: too many sites");
  }
  auto& record = site_record(id);
  if (record.entry && record.entry->note.text == note.text && record.entry->vouched) {
    return Change{ChangeKind::kNone, hash, id, {}, {}};
  }
  const auto* root = record.chain.current();
  if (root != nullptr && root->name != site->site.name) {
    return fail(ErrorCode::kConflict, "site: its own root has another name");
  }
  record.entry = Held<Site>{std::move(*site), note, true};
  revouch(id);
  return Change{ChangeKind::kSite, hash, id, {}, {}};
}

Result<Change> Evidence::State::offer_policy(const note::Note& note) {
  auto policy = Policy::parse(note.text);
  if (!policy) return fail_with(policy.error());
  const auto* known = usable(policy->site);
  if (known == nullptr) return unverified("policy: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  auto& floor = floors.sites[site.id];
  if (site.policy && site.policy->vouched && site.policy->note.text == note.text) {
    return Change{ChangeKind::kNone, hash, site.id, {}, {}};
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
  site.policy = Held<Policy>{std::move(*policy), note, true};
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
  if (held != site.enrolments.end() && held->second.vouched) {
    return Change{ChangeKind::kNone, hash, site.id, {}, {}};
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
  site.enrolments.insert_or_assign(hash, Held<Enrolment>{std::move(*enrolment), note, true});
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
  if (revoked(node.identity, node.site.id)) return fail(ErrorCode::kDenied, "node: revoked");
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
  if (held != nodes.end() && held->second.vouched && held->second.note.text == note.text) {
    change.kind = ChangeKind::kNone;
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
  nodes.insert_or_assign(identity, Held<Node>{std::move(*node), note, true});
  const auto service = services.find(identity);
  if (service != services.end()) {
    service->second.vouched = vouch(service->second.statement, service->second.note).has_value();
  }
  assess_grants({}, identity);
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
  services.insert_or_assign(identity, Held<Service>{std::move(*service), note, true});
  return change;
}

}  // namespace culvert::trust

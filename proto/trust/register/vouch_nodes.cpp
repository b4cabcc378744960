// Which signatures the statements of nodes need (the table in docs/protocols/statements.md), under
// the current roots.
#include <algorithm>

#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {

namespace {

bool signed_by(const crypto::PublicKey& key, std::span<const note::KnownKey> signers) {
  return std::any_of(signers.begin(), signers.end(),
                     [&](const note::KnownKey& signer) { return signer.key == key; });
}

bool within(const std::vector<Label>& tags, const std::vector<Label>& allowed) {
  return std::includes(allowed.begin(), allowed.end(), tags.begin(), tags.end());
}

// Whether an agent's statement agrees with the note that enrolled the agent.
Status rests_on(const Node& node, const Enrolled& enrolled, const Enrolment& enrolment) {
  if (enrolled.identity != node.identity || enrolled.name != node.name) {
    return unverified("node: it was enrolled under another identity or name");
  }
  if (node.issued < enrolment.not_before) return unverified("node: issued before its enrolment");
  if (node.issued > enrolment.renew_until) {
    return unverified("node: its time to renew itself ended at " +
                      format_time(enrolment.renew_until) + "; it needs a new token");
  }
  if (!within(node.tags, enrolment.tags)) return unverified("node: a tag was not granted to it");
  return {};
}

}  // namespace

Status Register::State::vouch(const SiteRecord& site, const Enrolment& enrolment,
                              const note::Note& note) const {
  const auto hash = note::hash(note);
  if (revoked(Revokes::kEnrolment, hash.bytes, site.id)) return unverified("enrolment: revoked");
  const auto& root = root_of(site);
  const auto by = roots.signers(note, &root);
  if (!by) return fail_with(by.error());
  if (!any_in(root, Group::kEnrolment, *by)) {
    return unverified("enrolment: no enrolment key of the site signed it");
  }
  if (!roots.site_chain(site.id)->knows(enrolment.root)) {
    return unverified("enrolment: made under a site root that is not known here");
  }
  const auto floor = policy_floors.find(site.id);
  if (floor == policy_floors.end() || enrolment.policy_serial > floor->second.number) {
    return unverified("enrolment: made under a newer policy than is known here");
  }
  return {};
}

Result<const Held<Enrolment>*> Register::State::known_enrolment(const SiteRecord& site,
                                                                const Hash& hash) const {
  const auto found = site.enrolments.find(hash);
  if (found != site.enrolments.end() && found->second.vouched) return &found->second;
  return unverified("enrolled: its enrolment is not known here");
}

Status Register::State::vouch(const Enrolled& enrolled, const note::Note& note) const {
  const auto* site = usable(enrolled.site);
  if (site == nullptr) return unverified("enrolled: its site is not known here");
  const auto held = known_enrolment(*site, enrolled.enrolment);
  if (!held) return fail_with(held.error());
  const auto& enrolment = (*held)->statement;
  if (enrolled.identity == enrolment.key) {
    return unverified("enrolled: its identity is the one-time key");
  }
  const std::vector<note::KnownKey> own = {{enrolled.name.str(), enrolled.identity},
                                           {"enrolment key", enrolment.key}};
  const auto by = roots.signers(note, &root_of(*site), own);
  if (!by) return fail_with(by.error());
  if (!signed_by(enrolled.identity, *by)) return unverified("enrolled: not signed by the node");
  if (!signed_by(enrolment.key, *by)) {
    return unverified("enrolled: not signed by the one-time key of its enrolment");
  }
  if (enrolled.issued < enrolment.not_before || enrolled.issued > enrolment.not_after) {
    return unverified("enrolled: issued outside its enrolment's time");
  }
  if (!enrolment.names(enrolled.name)) {
    return unverified("enrolled: its enrolment is for another name");
  }
  return {};
}

Status Register::State::vouch(const Node& node, const note::Note& note) const {
  const bool agent = node.kind == NodeKind::kAgent;
  const auto* vendor = roots.vendor();
  if (agent) {
    const auto* site = usable(node.site);
    if (site == nullptr) return unverified("node: its site is not known here");
    const auto enrolled = site->enrolled.find(node.enrolled);
    if (enrolled == site->enrolled.end() || !enrolled->second.vouched) {
      return unverified("node: the note that enrolled it is not known here");
    }
    const auto& statement = enrolled->second.statement;
    auto rests = rests_on(node, statement, site->enrolments.at(statement.enrolment).statement);
    if (!rests) return rests;
  } else if (vendor == nullptr || node.vendor_id != roots.vendor_id()) {
    return unverified("node: its vendor is not known here");
  }
  const note::KnownKey own{node.name.str(), node.identity};
  const auto by = roots.signers(note, root_beside(node), std::span<const note::KnownKey>(&own, 1));
  if (!by) return fail_with(by.error());
  if (!signed_by(node.identity, *by)) return unverified("node: not signed by itself");
  if (agent) return {};
  if (node.expires - node.issued > device_life(vendor)) {
    return unverified("node: its life is longer than the vendor's root lets a device's be");
  }
  if (any_in(*vendor, Group::kDeviceAdmission, *by)) return {};
  return unverified("node: no device-admission key signed it");
}

Status Register::State::vouch(const Service& service, const note::Note& note) const {
  const auto held = nodes.find(service.node);
  if (held == nodes.end() || !held->second.vouched) {
    return unverified("service: its node is not known here");
  }
  const auto& node = held->second.statement;
  if (node.kind != NodeKind::kAgent || node.site != service.site) {
    return unverified("service: its node is no agent of that site");
  }
  const note::KnownKey own{node.name.str(), node.identity};
  const auto by = roots.signers(note, nullptr, std::span<const note::KnownKey>(&own, 1));
  if (!by) return fail_with(by.error());
  if (!signed_by(service.node, *by)) return unverified("service: not signed by its node");
  return {};
}

const Root* Register::State::root_beside(const Node& node) const {
  const auto* site = node.kind == NodeKind::kAgent ? usable(node.site) : nullptr;
  return site == nullptr ? nullptr : &root_of(*site);
}

}  // namespace culvert::trust

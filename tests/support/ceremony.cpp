#include "tests/support/ceremony.hpp"

#include <algorithm>

namespace culvert::ceremony {
namespace {

trust::Root first_root(trust::RootKind kind, std::string_view name, std::string_view domain,
                       WallTime issued) {
  trust::Root root;
  root.kind = kind;
  root.name = fqdn(name);
  root.issued = issued;
  root.expires = issued + kYear;
  root.domains = {{fqdn(domain), false}};
  return root;
}

}  // namespace

Holder make_holder(std::string_view who, Rng& rng) {
  return {person(who), crypto::SigningKey::generate(rng)};
}
trust::RootKey listed(trust::Group group, const Holder& holder) {
  return {group, holder.who, holder.key.public_key()};
}
trust::RootKey listed(trust::Group group, std::string_view who, const crypto::SigningKey& key) {
  return {group, person(who), key.public_key()};
}

NodeKeys::NodeKeys(Rng& rng)
    : identity(crypto::SigningKey::generate(rng)),
      wireguard(crypto::KeyPair<crypto::WireGuardKey>::generate(rng)),
      control(crypto::KeyPair<crypto::ControlKey>::generate(rng)),
      relay(crypto::KeyPair<crypto::RelayKey>::generate(rng)),
      disco(crypto::KeyPair<crypto::DiscoKey>::generate(rng)) {}

trust::Node make_node(const NodeKeys& keys, std::string_view name, WallTime issued) {
  trust::Node node;
  node.name = label(name);
  node.identity = keys.identity.public_key();
  node.wireguard = keys.wireguard.public_key;
  node.control = keys.control.public_key;
  node.relay = keys.relay.public_key;
  node.disco = keys.disco.public_key;
  node.issued = issued;
  return node;
}

trust::Root vendor_root(std::string_view name, WallTime issued) {
  return first_root(trust::RootKind::kVendor, name, name, issued);
}

trust::Root site_root(std::string_view name, std::string_view domain, const trust::VendorId& vendor,
                      WallTime issued) {
  auto root = first_root(trust::RootKind::kSite, name, domain, issued);
  root.vendor_id = vendor;
  root.vendor_approvals = 1;
  return root;
}

trust::Root next_root(const trust::Root& from, const crypto::Hash& from_hash, WallTime issued) {
  auto next = trust::next_epoch(from, from_hash);
  next.issued = issued;
  next.expires = issued + kYear;
  return next;
}

trust::Places places(const trust::VendorId& vendor, std::string_view url,
                     const crypto::ControlKey& key, WallTime issued) {
  trust::Places out;
  out.vendor_id = vendor;
  out.issued = issued;
  out.expires = issued + kYear;
  out.coordinators.push_back({std::string(url), key});
  return out;
}

trust::Policy first_policy(const trust::SiteRef& site, std::vector<trust::PolicyService> services,
                           std::string_view group, WallTime issued) {
  trust::Policy policy;
  policy.site = site;
  policy.issued = issued;
  policy.expires = issued + kYear;
  policy.services = std::move(services);
  for (const auto& service : policy.services) {
    policy.allows.push_back({service.name, label(group), std::chrono::hours(1), 1, 1,
                             std::string(trust::kScopeConnect)});
  }
  policy.sort();
  return policy;
}

trust::Enrolment enrolment(const trust::SiteRef& site, std::string_view name, std::string_view tag,
                           const crypto::VerifyKey& one_time, WallTime issued) {
  trust::Enrolment out;
  out.site = site;
  out.key = one_time;
  out.name = label(name);
  out.tags = {label(tag)};
  out.root = trust::to_hash(site.id);
  out.policy_serial = 1;
  out.not_before = issued;
  out.not_after = issued + kEnrolmentLength;
  out.renew_until = issued + kYear;
  return out;
}

trust::Token agent_token(const trust::SiteRef& site, std::string_view coordinator,
                         const crypto::SigningKey& one_time, std::vector<note::Note> notes) {
  trust::Token token;
  token.kind = trust::NodeKind::kAgent;
  token.coordinators = {std::string(coordinator)};
  token.pin = trust::to_hash(site.id);
  token.secret = one_time.seed().clone();
  token.notes = std::move(notes);
  return token;
}

trust::Token device_token(const trust::VendorId& vendor, std::string_view coordinator,
                          std::string_view person_name, std::string_view group,
                          std::vector<note::Note> notes) {
  trust::Token token;
  token.kind = trust::NodeKind::kDevice;
  token.coordinators = {std::string(coordinator)};
  token.pin = trust::to_hash(vendor);
  token.person = person(person_name);
  token.groups = {label(group)};
  token.notes = std::move(notes);
  return token;
}

}  // namespace culvert::ceremony

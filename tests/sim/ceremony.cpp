#include "tests/sim/ceremony.hpp"

#include <algorithm>
#include <stdexcept>

namespace culvert::sim {
namespace {

using ceremony::listed;
using ceremony::make_holder;
using ceremony::sign;

constexpr const char* kTag = "agent";
constexpr const char* kGroup = "oncall";

}  // namespace

void give_up(const std::string& why) { throw std::runtime_error(why); }

Vendor make_vendor(Rng& rng, WallTime now) {
  const auto at_vendor = [](const char* user) { return std::string(user) + "@" + kVendorName; };
  Vendor vendor{make_holder(at_vendor("rita"), rng),
                make_holder(at_vendor("carol"), rng),
                make_holder(at_vendor("ada"), rng),
                make_holder(at_vendor("dora"), rng),
                control::noise::KeyPair::generate(rng),
                crypto::SigningKey::generate(rng),
                crypto::SigningKey::generate(rng),
                {},
                {}};
  auto root = ceremony::vendor_root(kVendorName, now);
  root.keys = {listed(trust::Group::kRoot, vendor.root),
               listed(trust::Group::kApprovers, vendor.approver),
               listed(trust::Group::kDeviceAdmission, vendor.admission),
               listed(trust::Group::kDirectory, vendor.directory)};
  std::sort(root.keys.begin(), root.keys.end());
  vendor.chain.push_back(sign(root, vendor.root));
  vendor.genesis = note::hash(vendor.chain.front());

  auto next = ceremony::next_root(root, vendor.genesis, now);
  next.keys.push_back(listed(trust::Group::kLease, at_vendor("lease"), vendor.lease));
  next.keys.push_back(listed(trust::Group::kTicket, at_vendor("ticket"), vendor.ticket));
  std::sort(next.keys.begin(), next.keys.end());
  vendor.chain.push_back(sign(next, vendor.root));
  const auto places =
      ceremony::places(vendor.id(), kCoordinatorUrl, vendor.control.public_key, now);
  vendor.chain.push_back(sign(places, vendor.directory));
  return vendor;
}

SiteDocuments make_site(const Vendor& vendor, const std::string& name,
                        const std::vector<std::string>& services, std::chrono::seconds lease,
                        std::vector<trust::PolicyRelay> relays, Rng& rng, WallTime now) {
  const auto at_site = [&](const char* user) { return std::string(user) + "@" + name; };
  SiteDocuments site{make_holder(at_site("rob"), rng),
                     make_holder(at_site("bob"), rng),
                     make_holder(at_site("eve"), rng),
                     {},
                     {},
                     {},
                     {},
                     {}};
  auto root = ceremony::site_root(name, name, vendor.id(), now);
  root.keys = {listed(trust::Group::kRoot, site.root),
               listed(trust::Group::kApprovers, site.approver),
               listed(trust::Group::kEnrolment, site.enrolment)};
  std::sort(root.keys.begin(), root.keys.end());
  site.notes.push_back(sign(root, site.root));
  site.root_hash = note::hash(site.notes.front());
  site.ref = {root.name, trust::to_site_id(site.root_hash)};

  std::vector<trust::PolicyService> listed_services;
  for (std::size_t i = 0; i < services.size(); ++i) {
    listed_services.push_back(
        trust::PolicyService::of(ceremony::fqdn(services[i] + "." + name), trust::Protocol::kTcp,
                                 static_cast<std::uint16_t>(5000 + i), ceremony::label(kTag)));
  }
  site.policy = ceremony::first_policy(site.ref, std::move(listed_services), kGroup, now);
  site.policy.lease = lease;
  site.policy.relays = std::move(relays);
  site.policy.sort();
  site.notes.push_back(sign(site.policy, site.root));
  site.entry = sign(trust::Site{vendor.id(), site.ref, now}, vendor.directory);
  return site;
}

std::string agent_token(const Vendor& vendor, const SiteDocuments& site, const std::string& name,
                        std::optional<trust::IdentityKey> replaces, Rng& rng, WallTime now) {
  const auto one_time = crypto::SigningKey::generate(rng);
  auto enrolment = ceremony::enrolment(site.ref, name, kTag, one_time.public_key(), now);
  enrolment.replaces = replaces;
  enrolment.policy_serial = site.policy.serial;
  auto notes = vendor.chain;
  notes.insert(notes.end(), site.notes.begin(), site.notes.end());
  notes.push_back(sign(enrolment, site.enrolment));
  return ceremony::agent_token(site.ref, kCoordinatorUrl, one_time, std::move(notes)).render();
}

std::string device_token(const Vendor& vendor, const std::string& person) {
  return ceremony::device_token(vendor.id(), kCoordinatorUrl, person, kGroup, vendor.chain)
      .render();
}

}  // namespace culvert::sim

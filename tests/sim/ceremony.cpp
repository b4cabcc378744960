#include "tests/sim/ceremony.hpp"

#include <algorithm>
#include <stdexcept>

namespace culvert::sim {
namespace {

constexpr std::chrono::seconds kRootLife{365 * 24 * 3600};
constexpr const char* kTag = "agent";
constexpr const char* kGroup = "oncall";

trust::RootKey listed(trust::Group group, const KeyHolder& holder) {
  return {group, holder.person, holder.key.public_key()};
}

trust::Root empty_root(trust::RootKind kind, const std::string& name, WallTime now) {
  trust::Root root;
  root.kind = kind;
  root.name = must(trust::Fqdn::parse(name));
  root.issued = now;
  root.expires = now + kRootLife;
  root.domains = {{root.name, false}};
  return root;
}

}  // namespace

void give_up(const std::string& why) { throw std::runtime_error(why); }

KeyHolder make_holder(const std::string& person, Rng& rng) {
  return {must(trust::Person::parse(person)), crypto::SigningKey::generate(rng)};
}

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
  auto root = empty_root(trust::RootKind::kVendor, kVendorName, now);
  root.keys = {listed(trust::Group::kRoot, vendor.root),
               listed(trust::Group::kApprovers, vendor.approver),
               listed(trust::Group::kDeviceAdmission, vendor.admission),
               listed(trust::Group::kDirectory, vendor.directory)};
  std::sort(root.keys.begin(), root.keys.end());
  vendor.chain.push_back(must(trust::sign_statement(root, vendor.root.signer())));
  vendor.genesis = note::hash(vendor.chain.front());

  auto next = trust::next_epoch(root, vendor.genesis);
  next.issued = now;
  next.expires = now + kRootLife;
  next.keys.push_back({trust::Group::kLease, must(trust::Person::parse(at_vendor("lease"))),
                       vendor.lease.public_key()});
  next.keys.push_back({trust::Group::kTicket, must(trust::Person::parse(at_vendor("ticket"))),
                       vendor.ticket.public_key()});
  std::sort(next.keys.begin(), next.keys.end());
  vendor.chain.push_back(must(trust::sign_statement(next, vendor.root.signer())));
  trust::Places places;
  places.vendor_id = vendor.id();
  places.issued = now;
  places.expires = now + kRootLife;
  places.coordinators.push_back({kCoordinatorUrl, vendor.control.public_key});
  vendor.chain.push_back(must(trust::sign_statement(places, vendor.directory.signer())));
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
  auto root = empty_root(trust::RootKind::kSite, name, now);
  root.vendor_id = vendor.id();
  root.vendor_approvals = 1;
  root.keys = {listed(trust::Group::kRoot, site.root),
               listed(trust::Group::kApprovers, site.approver),
               listed(trust::Group::kEnrolment, site.enrolment)};
  std::sort(root.keys.begin(), root.keys.end());
  site.notes.push_back(must(trust::sign_statement(root, site.root.signer())));
  site.root_hash = note::hash(site.notes.front());
  site.ref = {root.name, trust::to_site_id(site.root_hash)};

  site.policy.site = site.ref;
  site.policy.issued = now;
  site.policy.expires = now + std::chrono::hours{24 * 365};
  site.policy.lease = lease;
  site.policy.relays = std::move(relays);
  const auto group = must(trust::Label::parse(kGroup));
  for (std::size_t i = 0; i < services.size(); ++i) {
    const auto fqdn = must(trust::Fqdn::parse(services[i] + "." + name));
    site.policy.services.push_back(trust::PolicyService::of(fqdn, trust::Protocol::kTcp,
                                                            static_cast<std::uint16_t>(5000 + i),
                                                            must(trust::Label::parse(kTag))));
    site.policy.allows.push_back(
        {fqdn, group, std::chrono::hours(1), 1, 1, std::string(trust::kScopeConnect)});
  }
  site.policy.sort();
  site.notes.push_back(must(trust::sign_statement(site.policy, site.root.signer())));
  site.entry = must(
      trust::sign_statement(trust::Site{vendor.id(), site.ref, now}, vendor.directory.signer()));
  return site;
}

std::string agent_token(const Vendor& vendor, const SiteDocuments& site, const std::string& name,
                        std::optional<trust::IdentityKey> replaces, Rng& rng, WallTime now) {
  const auto one_time = crypto::SigningKey::generate(rng);
  trust::Enrolment enrolment;
  enrolment.site = site.ref;
  enrolment.key = one_time.public_key();
  enrolment.name = must(trust::Label::parse(name));
  enrolment.replaces = replaces;
  enrolment.tags = {must(trust::Label::parse(kTag))};
  enrolment.root = site.root_hash;
  enrolment.policy_serial = site.policy.serial;
  enrolment.not_before = now;
  enrolment.not_after = now + trust::kDefaultEnrolment;
  enrolment.renew_until = now + trust::kDefaultRenewal;

  trust::Token token;
  token.kind = trust::NodeKind::kAgent;
  token.coordinators = {kCoordinatorUrl};
  token.pin = site.root_hash;
  token.secret = one_time.seed().clone();
  token.notes = vendor.chain;
  token.notes.insert(token.notes.end(), site.notes.begin(), site.notes.end());
  token.notes.push_back(must(trust::sign_statement(enrolment, site.enrolment.signer())));
  return token.render();
}

std::string device_token(const Vendor& vendor, const std::string& person) {
  trust::Token token;
  token.kind = trust::NodeKind::kDevice;
  token.coordinators = {kCoordinatorUrl};
  token.pin = vendor.genesis;
  token.person = must(trust::Person::parse(person));
  token.groups = {must(trust::Label::parse(kGroup))};
  token.notes = vendor.chain;
  return token.render();
}

}  // namespace culvert::sim

// The customer's side of the ceremony: makes the site's root and first policy. The site's bundle
// then goes to the vendor (`culvert vendor site`).
#include <algorithm>
#include <charconv>
#include <filesystem>

#include "agent/cli/people/keyfile.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/site/commands.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;
using trust::Group;

constexpr std::chrono::seconds kRootLife{365 * 24 * 3600};
constexpr std::chrono::seconds kPolicyLife{365LL * 24 * 3600};  // signed by the root

struct Role {
  Group group;
  const char* file;
};
constexpr Role kRoles[] = {{Group::kRoot, "root.key"},
                           {Group::kApprovers, "approver.key"},
                           {Group::kEnrolment, "enrolment.key"},
                           {Group::kLease, "lease.key"}};  // lease.key only with --lease-by

// LABEL=tls:PORT or LABEL=tcp:PORT
Result<trust::PolicyService> parse_service(const std::string& text, const trust::Fqdn& site,
                                           const std::string& tag) {
  const auto bad = [&] {
    return fail(ErrorCode::kInvalid,
                "--service " + text + ": write it as LABEL=tls:PORT or LABEL=tcp:PORT");
  };
  const auto equals = text.find('=');
  const auto colon = text.find(':', equals == std::string::npos ? 0 : equals);
  if (equals == std::string::npos || colon == std::string::npos) return bad();
  const auto name = trust::Fqdn::parse(text.substr(0, equals) + "." + site.str());
  const auto protocol = text.substr(equals + 1, colon - equals - 1);
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (!name || name->site() != site || parsed.ec != std::errc{} || parsed.ptr != end || port == 0 ||
      (protocol != "tls" && protocol != "tcp")) {
    return bad();
  }
  const auto label = tag.empty() ? name->label() : trust::Label::parse(tag);
  if (!label) return fail(ErrorCode::kInvalid, "--tag: not a label: " + tag);
  return trust::PolicyService::of(
      *name, protocol == "tls" ? trust::Protocol::kTls : trust::Protocol::kTcp, port, *label);
}

Result<trust::Policy> first_policy(const SiteInit& options, const trust::SiteRef& site,
                                   WallTime now) {
  trust::Policy policy;
  policy.site = site;
  policy.issued = now;
  policy.expires = now + kPolicyLife;
  const auto group = trust::Label::parse(options.group);
  const auto maximum = parse_duration(options.maximum);
  const auto lease = parse_duration(options.lease);
  if (!group) return fail(ErrorCode::kInvalid, "--allow-group: not a label: " + options.group);
  if (!maximum || *maximum > trust::kMaxGrantTime) {
    return fail(ErrorCode::kInvalid, "--max: write a time up to 24h, such as 1h");
  }
  if (!lease || *lease > trust::kMaxLease) {
    return fail(ErrorCode::kInvalid, "--lease: 1s to 30s");
  }
  policy.lease = *lease;
  if (options.lease_by == "customer") policy.lease_by = trust::LeaseBy::kCustomer;
  if (options.lease_by == "both") policy.lease_by = trust::LeaseBy::kBoth;
  for (const auto& text : options.services) {
    const auto service = parse_service(text, site.name, options.tag);
    if (!service) return fail_with(service.error());
    policy.services.push_back(*service);
    policy.allows.push_back(
        {service->name, *group, *maximum, 1, 1, std::string(trust::kScopeConnect)});
  }
  policy.sort();
  return policy;
}

// The notes in the vendor's file. Error: its first root does not have the hash `pin`.
Result<std::vector<note::Note>> read_vendor(const std::string& file, const crypto::Hash& hash,
                                            Now now) {
  auto notes = read_bundle(file);
  if (!notes) return notes;
  trust::Evidence vendor(trust::Pins{std::nullopt, hash}, {});
  for (const auto& result : vendor.offer_all(now, *notes)) {
    if (result) continue;
    return fail(
        ErrorCode::kUnverified,
        file + " is not the vendor with that hash; compare the hash by another channel again (" +
            result.error().message + ")");
  }
  return notes;
}

Status first_token(const SiteInit& options, const fs::path& folder) {
  SiteToken token;
  token.folder = folder.string();
  token.lifetime = "1h";
  token.renewal = "365d";
  token.name = options.agent;
  token.replaces = "none";
  return site_token({}, token);
}

void propose_second_approver(const fs::path& folder) {
  hint_next("let a second person approve, with a key of their own: culvert key new FILE --bundle " +
            std::string(kSiteBundle) + " --group approvers, then: culvert site root add-key " +
            "FILE.pub --key " + (folder / kRoles[0].file).string());
}

}  // namespace

Status site_init(const SiteInit& options) {
  const auto name = trust::Fqdn::parse(options.name);
  if (!name) return fail(ErrorCode::kInvalid, "not a domain name: " + options.name);
  if (options.services.empty()) {
    return fail(ErrorCode::kInvalid,
                "a site without a service opens nothing: name one, --service LABEL=tls:PORT");
  }
  if (options.tag.empty() && options.services.size() > trust::kMaxTags) {
    return fail(ErrorCode::kInvalid, "more than " + std::to_string(trust::kMaxTags) +
                                         " services, each with a tag of its own, are too many for "
                                         "one agent's token: give them one tag with --tag LABEL");
  }
  const auto person = trust::Person::parse(options.person);
  if (!person) return fail(ErrorCode::kInvalid, "--person: write it as user@domain");
  const auto vendor_hash = trust::parse_hash(options.vendor_hash);
  if (!vendor_hash)
    return fail(ErrorCode::kInvalid, "--vendor-hash: expected sha256: and 64 hex digits");
  const auto now = runtime::read_clocks();
  const auto vendor_notes = read_vendor(options.vendor_bundle, *vendor_hash, now);
  if (!vendor_notes) return fail_with(vendor_notes.error());
  const fs::path folder =
      options.folder.empty() ? fs::path(options.name) : fs::path(options.folder);
  if (auto made = make_key_folder(folder, kRoles[0].file); !made) return made;
  crypto::SystemRng rng;
  trust::Root root;
  root.kind = trust::RootKind::kSite;
  root.name = *name;
  root.issued = now.wall;
  root.expires = now.wall + kRootLife;
  root.vendor_id = trust::to_vendor_id(*vendor_hash);
  root.vendor_approvals = 1;
  root.domains = {trust::domain_of(*person)};
  std::vector<crypto::SigningKey> keys;
  for (const auto& role : kRoles) {
    const bool own_leases = options.lease_by == "customer" || options.lease_by == "both";
    if (role.group == Group::kLease && !own_leases) continue;
    keys.push_back(crypto::SigningKey::generate(rng));
    root.keys.push_back({role.group, *person, keys.back().public_key()});
  }
  std::sort(root.keys.begin(), root.keys.end());
  const trust::Signer signer{person->str(), keys.front()};
  const auto root_note = trust::sign_statement(root, signer);
  if (!root_note) return fail_with(root_note.error());
  const auto hash = note::hash(*root_note);
  const auto policy = first_policy(options, {*name, trust::to_site_id(hash)}, now.wall);
  if (!policy) return fail_with(policy.error());
  const auto policy_note = trust::sign_statement(*policy, signer);
  if (!policy_note) return fail_with(policy_note.error());

  for (std::size_t i = 0; i < keys.size(); ++i) {
    const KeyFile file{trust::RootKind::kSite, hash,
                       std::string(trust::group_name(kRoles[i].group)), *person, keys[i].clone()};
    if (auto written = write_key(folder / kRoles[i].file, file); !written) return written;
  }
  if (auto done = write_bundle(folder / kSiteBundle, {*root_note, *policy_note}); !done)
    return done;
  if (auto done = write_bundle(folder / kVendorBundle, *vendor_notes); !done) return done;
  print("site " + bold(name->str()) + " in " + folder.string());
  print("root hash, for every agent to pin, and for the vendor by another channel:");
  print("  " + trust::format_hash(hash.view()));
  if (auto made = first_token(options, folder); !made) return made;
  propose_second_approver(folder);
  return {};
}

}  // namespace culvert::cli

// The customer's side of the ceremony: root, policy, tokens for agents.
#include <algorithm>
#include <charconv>
#include <filesystem>

#include "agent/cli/keyfile.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/output.hpp"
#include "proto/runtime/files.hpp"
#include "proto/runtime/loop.hpp"
#include "proto/trust/sign.hpp"
#include "proto/trust/token.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;
using trust::Group;

constexpr std::chrono::seconds kRootLife{365 * 24 * 3600};
constexpr std::chrono::seconds kPolicyLife{365LL * 24 * 3600};  // signed by the root
constexpr const char* kAgentTag = "agent";

struct Role {
  Group group;
  const char* file;
};
constexpr Role kRoles[] = {{Group::kRoot, "root.key"},
                           {Group::kApprovers, "approver.key"},
                           {Group::kEnrolment, "enrolment.key"}};

// LABEL=tls:PORT or LABEL=tcp:PORT
Result<trust::PolicyService> parse_service(const std::string& text, const trust::Fqdn& site) {
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
  return trust::PolicyService::of(*name,
                                  protocol == "tls" ? trust::Protocol::kTls : trust::Protocol::kTcp,
                                  port, *trust::Label::parse(kAgentTag));
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
  for (const auto& text : options.services) {
    const auto service = parse_service(text, site.name);
    if (!service) return fail_with(service.error());
    policy.services.push_back(*service);
    policy.allows.push_back(
        {service->name, *group, *maximum, 1, 1, std::string(trust::kScopeConnect)});
  }
  policy.sort();
  return policy;
}

struct SiteState {
  std::vector<note::Note> site_notes;    // root chain and policy
  std::vector<note::Note> vendor_notes;  // the vendor's root chain
  trust::SiteRef site;
  crypto::Hash root;  // of the current epoch
  std::uint64_t policy_serial = 0;
  std::vector<std::string> coordinators;
};

Result<SiteState> read_site(const fs::path& folder, const crypto::Hash& pin, Now now) {
  auto site_notes = read_bundle(folder / kSiteBundle);
  if (!site_notes) return fail_with(site_notes.error());
  auto vendor_notes = read_bundle(folder / kVendorBundle);
  if (!vendor_notes) return fail_with(vendor_notes.error());
  auto evidence = read_evidence(folder, trust::Pins{pin, std::nullopt}, now);
  if (!evidence) return fail_with(evidence.error());
  const auto id = trust::to_site_id(pin);
  const auto* root = evidence->site_root(id);
  const auto* policy = evidence->policy(id);
  const auto* vendor = evidence->vendor_root();
  if (root == nullptr || policy == nullptr || vendor == nullptr) {
    return fail(ErrorCode::kUnverified, folder.string() +
                                            " lacks a root, a policy or the vendor's "
                                            "root; make the site anew");
  }
  SiteState state{
      std::move(*site_notes), std::move(*vendor_notes), {root->name, id}, {}, policy->serial, {}};
  for (const auto& note : state.site_notes) {
    if (trust::kind_of(note.text) == trust::Kind::kRoot) state.root = note::hash(note);
  }
  const auto* places = evidence->places();
  if (places == nullptr) {
    return fail(ErrorCode::kNotFound,
                "the vendor's file names no coordinator yet; ask the vendor for a newer " +
                    std::string(kVendorBundle));
  }
  for (const auto& entry : places->coordinators) state.coordinators.push_back(entry.url);
  return state;
}

Status write_agent_token(const SiteState& state, const KeyFile& enrolment_key,
                         std::chrono::seconds lifetime, const fs::path& out, WallTime now) {
  crypto::SystemRng rng;
  const auto one_time = crypto::SigningKey::generate(rng);
  trust::Enrolment enrolment;
  enrolment.site = state.site;
  enrolment.key = one_time.public_key();
  enrolment.tags = {*trust::Label::parse(kAgentTag)};
  enrolment.root = state.root;
  enrolment.policy_serial = state.policy_serial;
  enrolment.not_after = now + lifetime;
  // The agent's clock may be behind this one.
  enrolment.not_before =
      std::max(now - trust::kIssuedSkew, enrolment.not_after - trust::kMaxEnrolment);
  const auto note =
      trust::sign_statement(enrolment, {enrolment_key.person.str(), enrolment_key.key});
  if (!note) return fail_with(note.error());

  trust::Token token;
  token.kind = trust::NodeKind::kAgent;
  token.coordinators = state.coordinators;
  token.pin = trust::to_hash(state.site.id);
  token.secret = one_time.seed().clone();
  token.notes = state.vendor_notes;
  token.notes.insert(token.notes.end(), state.site_notes.begin(), state.site_notes.end());
  token.notes.push_back(*note);
  auto rendered = token.render();
  auto written = runtime::write_secret_file(out.string(), view(rendered));
  crypto::wipe({reinterpret_cast<std::uint8_t*>(rendered.data()), rendered.size()});
  if (!written) return written;
  print("agent token in " + out.string() + ", good for " + format_duration(lifetime));
  return {};
}

}  // namespace

Status site_init(const SiteInit& options) {
  const auto name = trust::Fqdn::parse(options.name);
  if (!name) return fail(ErrorCode::kInvalid, "not a domain name: " + options.name);
  const auto person = trust::Person::parse(options.person);
  if (!person) return fail(ErrorCode::kInvalid, "--person: write it as user@domain");
  const auto vendor_hash = trust::parse_hash(options.vendor_hash);
  if (!vendor_hash)
    return fail(ErrorCode::kInvalid, "--vendor-hash: expected sha256: and 64 hex digits");
  const auto now = runtime::read_clocks();
  const auto vendor_notes = read_bundle(options.vendor_bundle);
  if (!vendor_notes) return fail_with(vendor_notes.error());
  trust::Evidence vendor(trust::Pins{std::nullopt, *vendor_hash}, {});
  for (const auto& result : vendor.offer_all(*vendor_notes, now)) {
    if (!result) {
      return fail(ErrorCode::kUnverified,
                  options.vendor_bundle +
                      " is not the vendor with that hash; compare it out of "
                      "band again (" +
                      result.error().message + ")");
    }
  }

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
  print("root hash, to be pinned by every agent and told to the vendor out of band:");
  print("  " + trust::format_hash(hash.view()));
  return site_token({folder.string(), "", "1h"});
}

Status site_token(const SiteToken& options) {
  const fs::path folder = options.folder;
  const auto key = read_key(folder / "enrolment.key");
  if (!key) return fail_with(key.error());
  const auto lifetime = parse_duration(options.lifetime);
  if (!lifetime || *lifetime > trust::kMaxEnrolment) {
    return fail(ErrorCode::kInvalid, "--for: a time up to 24h, such as 1h");
  }
  const auto now = runtime::read_clocks();
  const auto state = read_site(folder, key->pin, now);
  if (!state) return fail_with(state.error());
  const auto out = options.out.empty() ? folder / "agent.token" : fs::path(options.out);
  return write_agent_token(*state, *key, *lifetime, out, now.wall);
}

}  // namespace culvert::cli

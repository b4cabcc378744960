// Tokens for agents. A token has an enrolment, which is signed for a name, and the enrolment's
// one-time key. It goes to the machine of the agent (`culvert up --token`).
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/cli/people/by_key.hpp"
#include "agent/cli/people/keyfile.hpp"
#include "agent/cli/people/session.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/site/commands.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/trust/register/limits.hpp"
#include "proto/trust/statements/sign.hpp"
#include "proto/trust/statements/token.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;

struct SiteFolder {
  fs::path folder;
  std::vector<note::Note> site_notes;    // root chain and policy
  std::vector<note::Note> vendor_notes;  // the vendor's root chain
  trust::SiteRef site;
  crypto::Hash root;  // of the current epoch
  std::uint64_t policy_serial = 0;
  std::vector<std::string> coordinators;
  std::set<trust::Label> tags;  // of the policy's services
};

Result<SiteFolder> read_site(const fs::path& folder, const crypto::Hash& pin, Now now) {
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
  SiteFolder state{folder,
                   std::move(*site_notes),
                   std::move(*vendor_notes),
                   {root->name, id},
                   {},
                   policy->serial,
                   {},
                   {}};
  for (const auto& service : policy->services) state.tags.insert(service.tag);
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

// The tags of a token: those on the command line, else those of all services in the policy.
Result<std::vector<trust::Label>> token_tags(const SiteFolder& state,
                                             const std::vector<std::string>& named) {
  auto tags = state.tags;
  if (!named.empty()) tags.clear();
  for (const auto& text : named) {
    const auto tag = trust::Label::parse(text);
    if (!tag) return fail(ErrorCode::kInvalid, "--tag: not a label: " + text);
    if (state.tags.count(*tag) == 0) {
      return fail(ErrorCode::kInvalid, "--tag: no service of the policy has the tag " + text);
    }
    tags.insert(*tag);
  }
  if (tags.empty() || tags.size() > trust::kMaxTags) {
    return fail(ErrorCode::kInvalid, "a token carries 1 to " + std::to_string(trust::kMaxTags) +
                                         " tags and the policy's services have " +
                                         std::to_string(tags.size()) +
                                         ": name those of this agent with --tag");
  }
  return std::vector<trust::Label>(tags.begin(), tags.end());
}

// The enrolment without its one-time key and its times.
Result<trust::Enrolment> plan(const SiteFolder& state, const SiteToken& options) {
  trust::Enrolment out;
  const auto name = trust::Label::parse(options.name);
  if (!name) return fail(ErrorCode::kInvalid, "--name: not a label: " + options.name);
  auto tags = token_tags(state, options.tags);
  if (!tags) return fail_with(tags.error());
  out.site = state.site;
  out.nodes = static_cast<std::uint32_t>(options.nodes);
  out.name = *name;
  out.tags = std::move(*tags);
  out.root = state.root;
  out.policy_serial = state.policy_serial;
  return out;
}

struct Times {
  std::chrono::seconds lifetime, renewal;
};
Result<Times> parse_times(const SiteToken& options) {
  const auto lifetime = parse_duration(options.lifetime);
  if (!lifetime || *lifetime > trust::kMaxEnrolment) {
    return fail(ErrorCode::kInvalid, "--for: a time up to 24h, such as 1h");
  }
  const auto renewal = parse_duration(options.renewal);
  // The enrolment begins up to a day before its end.
  if (!renewal || *renewal < *lifetime || *renewal > trust::kMaxRenewal - trust::kMaxEnrolment) {
    return fail(ErrorCode::kInvalid, "--renew-for: from --for up to 399d, such as 365d");
  }
  return Times{*lifetime, *renewal};
}

// Finds who has a name of the token now, from verified notes in the coordinator's list. If the
// coordinator withholds a note, the site's other agents know the holder and refuse the new agent
// with an alarm.
Status find_holder(const Common& common, trust::Enrolment& enrolment, const SiteToken& options) {
  if (options.replaces == "none") return {};
  if (!options.replaces.empty()) {
    const auto key = crypto::parse_ed25519(options.replaces);
    if (!key) return fail(ErrorCode::kInvalid, "--replaces: ed25519:… or none");
    enrolment.replaces = *key;
    return {};
  }
  const ByKey by{options.key, options.coordinator};
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  const auto listed = (*session)->list(control::ListWhat::kNodes);
  if (!listed) {
    return fail(listed.error().code,
                "cannot learn who has the name " + options.name + ": " + listed.error().message +
                    "; without the coordinator: --replaces ed25519:… or --replaces none");
  }
  for (std::uint32_t i = 0; i < enrolment.nodes; ++i) {
    auto name = std::optional(enrolment.name);
    if (enrolment.nodes > 1) name = trust::Label::parse(options.name + "-" + std::to_string(i));
    const auto holder = name ? (*session)->evidence().holder(enrolment.site.id, *name)
                             : std::optional<trust::IdentityKey>();
    if (!holder) continue;
    if (enrolment.nodes > 1) {
      return fail(ErrorCode::kConflict, "there is a node " + name->str() +
                                            " already; to replace it: culvert site token --name " +
                                            name->str());
    }
    enrolment.replaces = *holder;
    if (!common.json) print("the new agent replaces " + crypto::format_ed25519(*holder));
  }
  return {};
}

// Keeps the enrolment of each token in the folder, so that a leaked token can be revoked by its
// enrolment's hash.
Status remember_enrolment(const fs::path& folder, const note::Note& enrolment) {
  const auto path = folder / kEnrolmentsBundle;
  std::vector<note::Note> notes;
  if (fs::exists(path)) {
    auto held = read_bundle(path);
    if (!held) return fail_with(held.error());
    notes = std::move(*held);
  }
  notes.push_back(enrolment);
  if (notes.size() > note::kMaxBundleNotes) notes.erase(notes.begin());
  return write_bundle(path, notes);
}

Status write_agent_token(const Common& common, const SiteFolder& state,
                         const KeyFile& enrolment_key, trust::Enrolment enrolment,
                         const Times& times, const fs::path& out, WallTime now) {
  crypto::SystemRng rng;
  const auto one_time = crypto::SigningKey::generate(rng);
  enrolment.key = one_time.public_key();
  enrolment.not_after = now + times.lifetime;
  enrolment.renew_until = now + times.renewal;
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
  if (auto kept = remember_enrolment(state.folder, *note); !kept) return kept;
  if (auto written = write_token_file(common, out.string(), token.render()); !written) {
    return written;
  }
  const auto hash = trust::format_hash(note::hash(*note).view());
  if (common.json) {
    print_json({{"file", out.string()},
                {"name", enrolment.name.str()},
                {"enrolment", hash},
                {"enrols_until", format_time(enrolment.not_after)},
                {"renews_until", format_time(enrolment.renew_until)}});
    return {};
  }
  print("agent token in " + out.string() + ", good for " + format_duration(times.lifetime) +
        "; its agent renews itself until " + format_time(enrolment.renew_until));
  print("if it leaks: culvert site revoke-token " + hash + " --key " +
        (state.folder / "enrolment.key").string() + " --publish");
  return {};
}

}  // namespace

Status write_token_file(const Common& common, const std::string& path, std::string token) {
  const auto before = runtime::read_file_if_there(path, token.size() + 1'000'000);
  Status written = {};
  if (!before) {
    written = fail_with(before.error());
  } else if (*before && !text(**before).starts_with(trust::Token::kType)) {
    written = fail(ErrorCode::kConflict, path + " is there and holds no token: nothing was " +
                                             "written; next: name another file with --out");
  } else {
    if (*before && !common.json) print("the token that was in " + path + " is overwritten");
    written = runtime::write_secret_file(path, view(token));
  }
  crypto::wipe({reinterpret_cast<std::uint8_t*>(token.data()), token.size()});
  return written;
}

Status site_token(const Common& common, const SiteToken& given) {
  auto options = given;
  fs::path folder = options.folder;
  if (options.folder.empty()) {
    folder = options.key.empty() ? fs::path(".") : fs::absolute(options.key).parent_path();
  }
  if (options.key.empty()) options.key = (folder / "enrolment.key").string();
  const auto key = read_key(options.key);
  if (!key) return fail_with(key.error());
  const auto times = parse_times(options);
  if (!times) return fail_with(times.error());
  const auto now = runtime::read_clocks();
  const auto state = read_site(folder, key->pin, now);
  if (!state) return fail_with(state.error());
  auto enrolment = plan(*state, options);
  if (!enrolment) return fail_with(enrolment.error());
  if (auto ok = find_holder(common, *enrolment, options); !ok) return ok;
  const auto out = options.out.empty() ? folder / "agent.token" : fs::path(options.out);
  return write_agent_token(common, *state, *key, std::move(*enrolment), *times, out, now.wall);
}

}  // namespace culvert::cli

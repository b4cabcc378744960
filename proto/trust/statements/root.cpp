#include "proto/trust/statements/root.hpp"

#include <algorithm>
#include <set>

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

constexpr std::uint64_t kMaxEpoch = 1'000'000'000;
std::optional<RootKind> parse_kind(std::string_view text) {
  if (text == "site") return RootKind::kSite;
  if (text == "vendor") return RootKind::kVendor;
  return std::nullopt;
}

std::optional<Group> parse_policy_by(std::string_view text) {
  const auto group = parse_group(text);
  if (group == Group::kRoot || group == Group::kApprovers) return group;
  return std::nullopt;
}

std::optional<bool> parse_yes(std::string_view text) {
  if (text == "yes") return true;
  if (text == "no") return false;
  return std::nullopt;
}

std::optional<std::chrono::hours> parse_device_life(std::string_view text) {
  if (!text.ends_with('h')) return std::nullopt;
  const auto hours = parse_number(text.substr(0, text.size() - 1));
  if (!hours || *hours == 0 || *hours > static_cast<std::uint64_t>(kMaxDeviceLifeOfRoot.count()))
    return std::nullopt;
  return std::chrono::hours{*hours};
}

std::uint32_t threshold(FieldReader& in, Group group) {
  const auto words = split_words(in.raw("threshold"), 2);
  const auto count = words.empty() ? std::nullopt : parse_number(words[1]);
  if (!count || words[0] != group_name(group) || *count == 0 || *count > kMaxRootKeys) {
    in.fail("threshold", "has a wrong form or place");
    return 0;
  }
  return static_cast<std::uint32_t>(*count);
}

std::size_t count_persons(const Root& root, Group group) {
  std::set<Person> out;
  for (const auto& key : root.keys) {
    if (key.group == group) out.insert(key.person);
  }
  return out.size();
}

// Whether a key is in one group only; a key of the root group may be in another group too. In the
// root group each key is listed once.
bool keys_are_single(const Root& root) {
  std::set<crypto::PublicKey> in_root;
  std::set<crypto::PublicKey> elsewhere;
  return std::all_of(root.keys.begin(), root.keys.end(), [&](const RootKey& key) {
    return (key.group == Group::kRoot ? in_root : elsewhere).insert(key.key).second;
  });
}

void check_keys(FieldReader& in, const Root& root) {
  for (const auto& key : root.keys) {
    in.require(group_fits(key.group, root.kind), "key", "is in a group of the other kind of root");
  }
  in.require(keys_are_single(root), "key", "stands in two groups or for two persons");
  in.require(root.root_threshold <= count_persons(root, Group::kRoot), "threshold",
             "is more than the root group has persons");
  in.require(root.kind == RootKind::kVendor ||
                 root.approver_threshold <= count_persons(root, Group::kApprovers),
             "threshold", "is more than the approvers group has persons");
}

void read_domains(FieldReader& in, Root& root) {
  root.domains = in.sorted("domain", 1, kMaxDomains, parse_domain);
  const auto twice =
      std::adjacent_find(root.domains.begin(), root.domains.end(),
                         [](const Domain& a, const Domain& b) { return a.name == b.name; });
  in.require(twice == root.domains.end(), "domain", "stands twice");
}

bool has_domain(const Root& root, const Person& person, bool unless_shared) {
  return std::any_of(root.domains.begin(), root.domains.end(), [&](const Domain& domain) {
    return domain.name.str() == person.domain() && !(unless_shared && domain.shared);
  });
}

void check_domains(FieldReader& in, const Root& root) {
  for (const auto& key : root.keys) {
    if (key.group != Group::kRoot && key.group != Group::kApprovers) continue;
    in.require(has_domain(root, key.person, false), "key",
               "is of a root or approver person outside this root's domains");
  }
}

}  // namespace

Result<Root> Root::parse(std::string_view text) {
  FieldReader in(text, kType);
  Root out;
  out.kind = in.field("kind", parse_kind);
  const bool site = out.kind == RootKind::kSite;
  out.name = in.fqdn(site ? "site" : "vendor");
  out.genesis = in.hash_or(site ? "site-id" : "vendor-id", "self");
  out.epoch = in.number("epoch", 1, kMaxEpoch);
  out.previous = in.hash_or("previous", "none");
  in.require(out.genesis.has_value() == (out.epoch > 1), "epoch", "does not fit the id");
  in.require(out.previous.has_value() == (out.epoch > 1), "previous", "does not fit the epoch");
  out.issued = in.time("issued");
  out.expires = in.time("expires");
  in.require(out.issued < out.expires, "expires", "is not after issued");
  read_domains(in, out);
  if (site) {
    out.vendor_id = in.vendor_id();
    out.vendor_approvals =
        static_cast<std::uint32_t>(in.number("vendor-approvals", 0, kMaxRootKeys));
    out.policy_by = in.field("policy-by", parse_policy_by);
    out.pre_approvals = in.field("pre-approvals", parse_yes);
  } else {
    out.device_life = in.field("device-life", parse_device_life);
  }
  out.root_threshold = threshold(in, Group::kRoot);
  if (site) out.approver_threshold = threshold(in, Group::kApprovers);
  out.keys = in.sorted("key", 1, kMaxRootKeys, parse_root_key);
  check_keys(in, out);
  check_domains(in, out);
  return in.finish(std::move(out));
}

std::string Root::render() const {
  const bool site = kind == RootKind::kSite;
  FieldWriter out(kType);
  out.line("kind", site ? "site" : "vendor").line(site ? "site" : "vendor", name.str());
  out.line(site ? "site-id" : "vendor-id", genesis ? format_hash(genesis->view()) : "self");
  out.number("epoch", epoch).line("previous", previous ? format_hash(previous->view()) : "none");
  out.time("issued", issued).time("expires", expires);
  out.each("domain", domains, format_domain);
  if (site) {
    out.hash("vendor-id", vendor_id.view()).number("vendor-approvals", vendor_approvals);
    out.line("policy-by", group_name(policy_by));
    out.line("pre-approvals", pre_approvals ? "yes" : "no");
  } else {
    out.line("device-life", std::to_string(device_life.count()) + "h");
  }
  out.line("threshold", "root " + std::to_string(root_threshold));
  if (site) out.line("threshold", "approvers " + std::to_string(approver_threshold));
  out.each("key", keys, format_root_key);
  return out.take();
}

const RootKey* Root::find(const crypto::PublicKey& key, Group group) const {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const RootKey& candidate) {
    return candidate.group == group && candidate.key == key;
  });
  return found == keys.end() ? nullptr : &*found;
}

bool Root::lists(const crypto::PublicKey& key) const {
  return std::any_of(keys.begin(), keys.end(), [&](const RootKey& k) { return k.key == key; });
}

bool Root::customers_person(const Person& person) const {
  return kind == RootKind::kSite && has_domain(*this, person, true);
}

std::vector<note::KnownKey> Root::known_keys() const {
  std::vector<note::KnownKey> out;
  for (const auto& key : keys) out.push_back({key.person.str(), key.key});
  return out;
}

std::vector<note::KnownKey> Root::known_keys(Group group) const {
  std::vector<note::KnownKey> out;
  for (const auto& key : keys) {
    if (key.group == group) out.push_back({key.person.str(), key.key});
  }
  return out;
}

std::vector<Person> persons(const Root& root, Group group, std::span<const note::KnownKey> signers,
                            const Person& except) {
  std::set<Person> out;
  for (const auto& signer : signers) {
    const auto* key = root.find(signer.key, group);
    if (key != nullptr && key->person != except) out.insert(key->person);
  }
  return {out.begin(), out.end()};
}

std::vector<crypto::PublicKey> doubled_keys(const Root& site, const Root& vendor) {
  std::vector<crypto::PublicKey> out;
  for (const auto& key : site.keys) {
    if (key.group == Group::kRoot) continue;
    const bool doubled = std::any_of(vendor.keys.begin(), vendor.keys.end(), [&](const RootKey& k) {
      return k.group != Group::kRoot && k.key == key.key;
    });
    if (doubled) out.push_back(key.key);
  }
  return out;
}

}  // namespace culvert::trust

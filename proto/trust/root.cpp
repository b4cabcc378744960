#include "proto/trust/root.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "proto/trust/fields.hpp"

namespace culvert::trust {
namespace {

constexpr std::uint64_t kMaxEpoch = 1'000'000'000;
constexpr std::array<std::string_view, 9> kGroupNames = {
    "root",      "approvers", "enrolment", "break-glass", "device-admission",
    "directory", "lease",     "ticket",    "log"};

std::optional<Group> parse_group(std::string_view text) {
  const auto found = std::find(kGroupNames.begin(), kGroupNames.end(), text);
  if (found == kGroupNames.end()) return std::nullopt;
  return static_cast<Group>(found - kGroupNames.begin());
}

bool group_fits(Group group, RootKind kind) {
  switch (group) {
    case Group::kRoot:
    case Group::kApprovers:
    case Group::kLog:
      return true;
    case Group::kEnrolment:
    case Group::kBreakGlass:
      return kind == RootKind::kSite;
    case Group::kDeviceAdmission:
    case Group::kDirectory:
    case Group::kLease:
    case Group::kTicket:
      return kind == RootKind::kVendor;
  }
  return false;
}

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

std::optional<RootKey> parse_key(std::string_view text) {
  const auto words = split_words(text, 3);
  if (words.empty()) return std::nullopt;
  const auto group = parse_group(words[0]);
  const auto person = Person::parse(words[1]);
  const auto key = crypto::parse_ed25519(words[2]);
  if (!group || !person || !key) return std::nullopt;
  return RootKey{*group, *person, *key};
}

std::string format_key(const RootKey& key) {
  return std::string(group_name(key.group)) + " " + key.person.str() + " " +
         crypto::format_ed25519(key.key);
}

std::optional<CoordinatorEntry> parse_coordinator(std::string_view text) {
  const auto words = split_words(text, 2);
  if (words.empty() || !valid_url(words[0])) return std::nullopt;
  const auto key = crypto::parse_x25519(words[1]);
  if (!key) return std::nullopt;
  return CoordinatorEntry{std::string(words[0]), {*key}};
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

// A key stands once, the root group aside (and there once, too).
bool keys_are_single(const Root& root) {
  std::set<crypto::VerifyKey> in_root;
  std::set<crypto::VerifyKey> elsewhere;
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

void read_coordinators(FieldReader& in, Root& root) {
  std::set<std::string> urls;
  while (in.next_is("coordinator")) {
    root.coordinators.push_back(in.field("coordinator", parse_coordinator));
    in.require(urls.insert(root.coordinators.back().url).second, "coordinator", "stands twice");
    in.require(root.coordinators.size() <= kMaxCoordinators, "coordinator", "stands too often");
  }
}

}  // namespace

std::string_view group_name(Group group) { return kGroupNames[static_cast<std::size_t>(group)]; }

bool valid_url(std::string_view url) {
  const auto scheme = url.starts_with("https://") ? 8U : url.starts_with("http://") ? 7U : 0U;
  if (scheme == 0 || url.size() > 255) return false;
  const auto authority = url.substr(scheme);
  return !authority.empty() && std::all_of(authority.begin(), authority.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("-.:[]").find(c) != std::string_view::npos;
  });
}

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
  if (site) {
    out.vendor_id = in.vendor_id();
    out.vendor_approvals =
        static_cast<std::uint32_t>(in.number("vendor-approvals", 0, kMaxRootKeys));
    out.policy_by = in.field("policy-by", parse_policy_by);
  } else {
    read_coordinators(in, out);
  }
  out.root_threshold = threshold(in, Group::kRoot);
  if (site) out.approver_threshold = threshold(in, Group::kApprovers);
  out.keys = in.sorted("key", 1, kMaxRootKeys, parse_key);
  check_keys(in, out);
  return in.finish(std::move(out));
}

std::string Root::render() const {
  const bool site = kind == RootKind::kSite;
  FieldWriter out(kType);
  out.line("kind", site ? "site" : "vendor").line(site ? "site" : "vendor", name.str());
  out.line(site ? "site-id" : "vendor-id", genesis ? format_hash(genesis->view()) : "self");
  out.number("epoch", epoch).line("previous", previous ? format_hash(previous->view()) : "none");
  out.time("issued", issued).time("expires", expires);
  if (site) {
    out.hash("vendor-id", vendor_id.view()).number("vendor-approvals", vendor_approvals);
    out.line("policy-by", group_name(policy_by));
  }
  out.each("coordinator", coordinators, [](const CoordinatorEntry& entry) {
    return entry.url + " " + crypto::format_x25519(entry.key.view());
  });
  out.line("threshold", "root " + std::to_string(root_threshold));
  if (site) out.line("threshold", "approvers " + std::to_string(approver_threshold));
  out.each("key", keys, format_key);
  return out.take();
}

const RootKey* Root::find(const crypto::VerifyKey& key, Group group) const {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const RootKey& candidate) {
    return candidate.group == group && candidate.key == key;
  });
  return found == keys.end() ? nullptr : &*found;
}

bool Root::lists(const crypto::VerifyKey& key) const {
  return std::any_of(keys.begin(), keys.end(), [&](const RootKey& k) { return k.key == key; });
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

std::vector<crypto::VerifyKey> doubled_keys(const Root& site, const Root& vendor) {
  std::vector<crypto::VerifyKey> out;
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

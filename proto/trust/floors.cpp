#include "proto/trust/floors.hpp"

#include <algorithm>
#include <array>

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

constexpr std::size_t kMaxFloorsSize = 16 * 1024 * 1024;
constexpr std::size_t kAnyNumber = kMaxFloorsSize;
constexpr std::array<std::string_view, 5> kCauses = {"expired", "unclaimed", "revoked", "denied",
                                                     "withdrawn"};

// One line's key and value, ordered by key alone.
template <class Key, class Value>
struct Entry {
  Key key{};
  Value value{};
  friend bool operator<(const Entry& a, const Entry& b) { return a.key < b.key; }
};

template <class Key, class Value>
void fill(std::map<Key, Value>& out, std::vector<Entry<Key, Value>> entries) {
  for (auto& entry : entries) out.emplace(std::move(entry.key), std::move(entry.value));
}

std::optional<bool> parse_yes(std::string_view text) {
  if (text == "yes") return true;
  if (text == "no") return false;
  return std::nullopt;
}
std::string yes(bool value) { return value ? "yes" : "no"; }

constexpr std::array<std::string_view, 3> kForks = {"one", "stopped", "chosen"};
std::optional<Fork> parse_fork(std::string_view text) {
  const auto found = std::find(kForks.begin(), kForks.end(), text);
  if (found == kForks.end()) return std::nullopt;
  return static_cast<Fork>(found - kForks.begin());
}

std::optional<ChainFloor> parse_chain(std::string_view epoch, std::string_view hash,
                                      std::string_view fork) {
  const auto e = parse_number(epoch);
  const auto h = parse_hash(hash);
  const auto f = parse_fork(fork);
  if (!e || !h || !f) return std::nullopt;
  return ChainFloor{*e, *h, *f};
}
std::string format(const ChainFloor& floor) {
  return std::to_string(floor.epoch) + " " + format_hash(floor.hash.view()) + " " +
         std::string(kForks[static_cast<std::size_t>(floor.fork)]);
}

std::optional<StoreAge> parse_age(std::string_view text) {
  const auto seconds = parse_number(text);
  return seconds ? std::optional(StoreAge{*seconds}) : std::nullopt;
}

std::optional<Entry<VendorId, ChainFloor>> parse_vendor(std::string_view text) {
  const auto words = split_words(text, 4);
  if (words.empty()) return std::nullopt;
  const auto id = parse_hash(words[0]);
  const auto chain = parse_chain(words[1], words[2], words[3]);
  if (!id || !chain) return std::nullopt;
  return Entry<VendorId, ChainFloor>{to_vendor_id(*id), *chain};
}

std::optional<Entry<SiteId, SiteFloor>> parse_site(std::string_view text) {
  const auto words = split_words(text, 7);
  if (words.empty()) return std::nullopt;
  const auto id = parse_hash(words[0]);
  const auto name = Fqdn::parse(words[1]);
  const auto chain = parse_chain(words[2], words[3], words[4]);
  const auto serial = parse_number(words[5]);
  const auto policy = parse_hash(words[6]);
  if (!id || !name || !chain || !serial || !policy) return std::nullopt;
  return Entry<SiteId, SiteFloor>{to_site_id(*id), {*name, *chain, *serial, *policy}};
}
std::string format(const SiteFloor& floor) {
  return floor.name.str() + " " + format(floor.root) + " " + std::to_string(floor.policy_serial) +
         " " + format_hash(floor.policy.view());
}

// identity serial statement wireguard control relay disco service-serial service site name
// enrolment replaced keep-until; a device has no name and no enrolment: "-" and zeros.
constexpr std::size_t kNodeWords = 14;
constexpr std::string_view kNoName = "-";

bool parse_keys(NodeFloor& out, const std::vector<std::string_view>& words) {
  const auto wireguard = crypto::parse_x25519(words[3]);
  const auto control = crypto::parse_x25519(words[4]);
  const auto relay = crypto::parse_x25519(words[5]);
  const auto disco = crypto::parse_x25519(words[6]);
  if (!wireguard || !control || !relay || !disco) return false;
  out.wireguard = {*wireguard};
  out.control = {*control};
  out.relay = {*relay};
  out.disco = {*disco};
  return true;
}

std::optional<Entry<IdentityKey, NodeFloor>> parse_node(std::string_view text) {
  const auto words = split_words(text, kNodeWords);
  if (words.empty()) return std::nullopt;
  const auto identity = crypto::parse_ed25519(words[0]);
  const auto serial = parse_number(words[1]);
  const auto statement = parse_hash(words[2]);
  const auto service_serial = parse_number(words[7]);
  const auto service = parse_hash(words[8]);
  const auto site = parse_hash(words[9]);
  const auto name = Label::parse(words[10]);
  const auto enrolment = parse_hash(words[11]);
  const auto replaced = parse_yes(words[12]);
  const auto forget = parse_age(words[13]);
  NodeFloor out;
  if (!parse_keys(out, words) || !identity || !serial || !statement || !service_serial ||
      !service || !site || !enrolment || !replaced || !forget ||
      site->is_zero() == name.has_value()) {
    return std::nullopt;
  }
  out.serial = *serial;
  out.statement = *statement;
  out.service_serial = *service_serial;
  out.service = *service;
  out.site = to_site_id(*site);
  if (name) out.name = *name;
  out.enrolment = *enrolment;
  out.replaced = *replaced;
  out.forget = *forget;
  return Entry<IdentityKey, NodeFloor>{*identity, std::move(out)};
}
std::string format(const NodeFloor& floor) {
  std::string out = std::to_string(floor.serial) + " " + format_hash(floor.statement.view());
  for (const ByteView key :
       {floor.wireguard.view(), floor.control.view(), floor.relay.view(), floor.disco.view()}) {
    out += " " + crypto::format_x25519(key);
  }
  out += " " + std::to_string(floor.service_serial) + " " + format_hash(floor.service.view());
  out += " " + format_hash(floor.site.view()) + " ";
  out += floor.name.empty() ? std::string(kNoName) : floor.name.str();
  out += " " + format_hash(floor.enrolment.view()) + " " + yes(floor.replaced);
  return out + " " + std::to_string(floor.forget.seconds);
}

std::optional<EndCause> parse_cause(std::string_view text) {
  for (std::size_t i = 0; i < kCauses.size(); ++i) {
    if (kCauses[i] == text) return static_cast<EndCause>(i);
  }
  return std::nullopt;
}

std::optional<Entry<GrantId, Tombstone>> parse_tombstone(std::string_view text) {
  const auto words = split_words(text, 5);
  if (words.empty()) return std::nullopt;
  const auto id = GrantId::parse(words[0]);
  const auto until = parse_time(words[1]);
  const auto forget = parse_age(words[2]);
  const auto cause = parse_cause(words[3]);
  const auto device = crypto::parse_ed25519(words[4]);
  if (!id || !until || !forget || !cause || !device) return std::nullopt;
  return Entry<GrantId, Tombstone>{*id, {*until, *forget, *cause, *device}};
}
std::string format(const Tombstone& ended) {
  return format_time(ended.until) + " " + std::to_string(ended.forget.seconds) + " " +
         std::string(kCauses[static_cast<std::size_t>(ended.cause)]) + " " +
         crypto::format_ed25519(ended.device);
}

std::optional<Entry<GrantId, Claim>> parse_claim(std::string_view text) {
  const auto words = split_words(text, 3);
  if (words.empty()) return std::nullopt;
  const auto id = GrantId::parse(words[0]);
  const auto at = parse_time(words[1]);
  const auto forget = parse_age(words[2]);
  if (!id || !at || !forget) return std::nullopt;
  return Entry<GrantId, Claim>{*id, {*at, *forget}};
}

constexpr std::array<std::string_view, 5> kRevokes = {"grant", "device", "node", "key",
                                                      "enrolment"};

std::optional<Entry<RevokedId, Revoked>> parse_revoked(std::string_view text) {
  const auto words = split_words(text, 6);
  if (words.empty()) return std::nullopt;
  const auto what = std::find(kRevokes.begin(), kRevokes.end(), words[0]);
  const auto subject = parse_hash(words[1]);
  const auto site = parse_hash(words[2]);
  const auto until = parse_time(words[3]);
  const auto forget = parse_age(words[4]);
  const auto signer = crypto::parse_public_key(words[5]);
  if (what == kRevokes.end() || !subject || !site || !until || !forget || !signer) {
    return std::nullopt;
  }
  return Entry<RevokedId, Revoked>{
      {static_cast<Revokes>(what - kRevokes.begin()), subject->bytes, to_site_id(*site)},
      {*until, *forget, *signer}};
}
std::string format(const RevokedId& id, const Revoked& entry) {
  return std::string(kRevokes[static_cast<std::size_t>(id.what)]) + " " + format_hash(id.subject) +
         " " + format_hash(id.site.view()) + " " + format_time(entry.until) + " " +
         std::to_string(entry.forget.seconds) + " " + crypto::format_public_key(entry.signer);
}

std::optional<KeyAndRoot> parse_suspended_at(std::string_view text) {
  const auto words = split_words(text, 2);
  if (words.empty()) return std::nullopt;
  const auto key = crypto::parse_public_key(words[0]);
  const auto root = parse_hash(words[1]);
  if (!key || !root) return std::nullopt;
  return KeyAndRoot{*key, *root};
}
std::string format(const KeyAndRoot& key) {
  return crypto::format_public_key(key.first) + " " + format_hash(key.second.view());
}

std::optional<Entry<KeyAndRoot, std::uint64_t>> parse_suspended(std::string_view text) {
  const auto space = text.rfind(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto key = parse_suspended_at(text.substr(0, space));
  const auto epoch = parse_number(text.substr(space + 1));
  if (!key || !epoch) return std::nullopt;
  return Entry<KeyAndRoot, std::uint64_t>{*key, *epoch};
}

std::optional<Entry<VendorId, DocumentMark>> parse_places_floor(std::string_view text) {
  const auto words = split_words(text, 2);
  if (words.empty()) return std::nullopt;
  const auto id = parse_hash(words[0]);
  const auto mark = parse_mark(words[1]);
  if (!id || !mark) return std::nullopt;
  return Entry<VendorId, DocumentMark>{to_vendor_id(*id), *mark};
}

}  // namespace

Result<Floors> Floors::parse(std::string_view text) {
  FieldReader in(text, kType, kMaxFloorsSize);
  Floors out;
  out.clock = in.field("clock", parse_stored_clock);
  out.grants_from = in.time("grants-from");
  out.locked = in.field("locked", parse_yes);
  fill(out.vendors, in.sorted("vendor", 0, kAnyNumber, parse_vendor));
  fill(out.sites, in.sorted("site", 0, kAnyNumber, parse_site));
  fill(out.nodes, in.sorted("node", 0, kAnyNumber, parse_node));
  fill(out.tombstones, in.sorted("ended", 0, kAnyNumber, parse_tombstone));
  fill(out.claims, in.sorted("claim", 0, kAnyNumber, parse_claim));
  fill(out.revoked, in.sorted("revoked", 0, kAnyNumber, parse_revoked));
  fill(out.suspended, in.sorted("suspended", 0, kAnyNumber, parse_suspended));
  for (auto& key : in.sorted("suspended-at", 0, kAnyNumber, parse_suspended_at)) {
    out.suspended_at.insert(std::move(key));
  }
  fill(out.places, in.sorted("places", 0, kAnyNumber, parse_places_floor));
  return in.finish(std::move(out));
}

std::string Floors::render() const {
  FieldWriter out(kType);
  out.line("clock", trust::render(clock))
      .time("grants-from", grants_from)
      .line("locked", yes(locked));
  for (const auto& [id, floor] : vendors) {
    out.line("vendor", format_hash(id.view()) + " " + format(floor));
  }
  for (const auto& [id, floor] : sites) {
    out.line("site", format_hash(id.view()) + " " + format(floor));
  }
  for (const auto& [key, floor] : nodes) {
    out.line("node", crypto::format_ed25519(key) + " " + format(floor));
  }
  for (const auto& [id, ended] : tombstones) out.line("ended", id.str() + " " + format(ended));
  for (const auto& [id, claim] : claims) {
    out.line("claim",
             id.str() + " " + format_time(claim.at) + " " + std::to_string(claim.forget.seconds));
  }
  for (const auto& [id, entry] : revoked) out.line("revoked", format(id, entry));
  for (const auto& [key, epoch] : suspended) {
    out.line("suspended", format(key) + " " + std::to_string(epoch));
  }
  for (const auto& key : suspended_at) out.line("suspended-at", format(key));
  for (const auto& [id, mark] : places) {
    out.line("places", format_hash(id.view()) + " " + format(mark));
  }
  return out.take();
}

}  // namespace culvert::trust

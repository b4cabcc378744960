// Every way in which the text of a statement can be wrong.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "proto/trust/statements/lease_question.hpp"
#include "proto/trust/statements/token.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;

namespace {

struct Sample {
  std::string name;
  std::string text;
  std::function<std::optional<std::string>(std::string_view)> round_trip;  // nothing: refused
  std::set<std::string> optional;   // fields of which each line may be missing
  std::set<std::string> unordered;  // fields whose own lines may change places
};

template <class Statement>
Sample sample(std::string name, const Statement& statement, std::set<std::string> optional = {},
              std::set<std::string> unordered = {}) {
  return {std::move(name), statement.render(),
          [](std::string_view text) -> std::optional<std::string> {
            const auto parsed = Statement::parse(text);
            if (!parsed) return std::nullopt;
            return parsed->render();
          },
          std::move(optional), std::move(unordered)};
}

GrantId grant_id(std::uint64_t n) {
  SeededRng rng(n);
  return GrantId::generate(kStart, rng);
}

std::vector<Sample> samples() {
  World w;
  auto vendor = w.vendor2;
  vendor.domains.push_back({fqdn("vendor.test"), true});
  auto site1 = w.site1;
  SeededRng points(7);
  auto point = points.array<33>();
  point[0] = 2;
  site1.keys.push_back(
      {Group::kApprovers, person("zoe@acme.example"), crypto::PublicKey(crypto::P256Point{point})});
  site1.keys.push_back({Group::kLease, person("lease@acme.example"), w.agent.identity});
  std::sort(site1.keys.begin(), site1.keys.end());
  auto places = w.places;
  places.coordinators.push_back({"http://10.0.0.1:7443", x25519<crypto::ControlKey>(w.rng)});
  places.relays = {
      {"10.0.0.1", 443, x25519<crypto::RelayKey>(w.rng), to_hash(w.site.id)},
      {"relay.vendor.example", 7444, x25519<crypto::RelayKey>(w.rng), to_hash(w.site.id)}};
  const DocumentMark mark{3, to_hash(w.site.id)};
  const SiteState state{w.site, w.agent.identity, mark, mark, mark, {0, Hash{}}, kStart};
  auto policy = w.policy;
  policy.standings = {{policy.services[0].name, w.laptop.identity, kStart, true, "connect"},
                      {policy.services[1].name, w.laptop.identity, kStart, false, "read a=b,c"}};
  policy.claim = std::chrono::hours{8};
  policy.lease_by = LeaseBy::kBoth;
  policy.device_age = std::chrono::hours{24};
  policy.fresh = std::chrono::hours{2};
  policy.relays = {
      {"relay.acme.example", 7444, x25519<crypto::RelayKey>(w.rng), {w.rng.array<32>()}}};
  policy.privates = {*parse_prefix("10.0.0.0/8"), *parse_prefix("fd00::/8")};
  policy.services[1].ports.push_back(9440);
  policy.pre_approvals = {{policy.services[0].name, label("oncall"), std::chrono::seconds{900},
                           kStart, "kubernetes ns=* verbs=get,list"}};
  policy.exports = {{label("metrics"), fqdn("prometheus.vendor.example"), 100000, 1000000}};
  auto grant = must(Grant::parse(w.ask().text));
  auto extension = grant;
  extension.extends = grant_id(5);
  extension.reason = "Ürsache: naïve 日本語 🔑";
  Lease lease{w.vendor_id,
              w.site,
              w.agent.identity,
              {},
              {mark, {1, mark.hash}, {}},
              {grant_id(1), grant_id(2)}};
  std::sort(lease.grants.begin(), lease.grants.end());
  Ticket ticket{
      w.vendor_id, x25519<crypto::RelayKey>(w.rng), x25519<crypto::RelayKey>(w.rng), {}, 125000,
      kStart};
  for (int i = 0; i < 3; ++i) ticket.peers.push_back(x25519<crypto::RelayKey>(w.rng));
  std::sort(ticket.peers.begin(), ticket.peers.end());
  Revocation ends_grant{w.vendor_id, w.site, Revokes::kGrant, grant.id, grant.not_after,
                        {},          "done", kStart,          {},       {}};
  Revocation ends_device{w.vendor_id,       {},     Revokes::kDevice, {}, {},
                         w.laptop.identity, "lost", kStart,           {}, {}};
  Revocation ends_key;
  ends_key.vendor_id = w.vendor_id;
  ends_key.what = Revokes::kKey;
  ends_key.key = crypto::PublicKey(crypto::P256Point{point});
  ends_key.roots = {Hash{}, to_hash(w.site.id)};
  ends_key.reason = "stolen";
  ends_key.issued = kStart;
  Revocation ends_enrolment = ends_key;
  ends_enrolment.what = Revokes::kEnrolment;
  ends_enrolment.site = w.site;
  ends_enrolment.roots = {};
  ends_enrolment.enrolment = to_hash(w.site.id);
  auto laptop = w.laptop;
  laptop.groups = {label("engineers"), label("sre")};
  const std::set<std::string> none;
  auto replacing = w.enrolment;
  replacing.replaces = w.agent.identity;
  replacing.tags = {label("cluster")};
  return {sample("site root", site1, {"key"}),
          sample("vendor root", vendor, {"key", "domain"}),
          sample("places", places, {"coordinator", "relay"}, {"coordinator"}),
          sample("state", state),
          sample("site", Site{w.vendor_id, w.site, kStart}),
          sample("policy", policy,
                 {"allow", "standing", "claim", "device-age", "fresh", "relay", "private",
                  "pre-approved", "export"}),
          sample("fresh", Fresh{w.site, mark, {7, mark.hash}, kStart}),
          sample("enrolment", w.enrolment, {"tag"}),
          sample("replacing enrolment", replacing, {"replaces"}),
          sample("enrolled", w.enrolled),
          sample("agent", w.agent),
          sample("device", laptop, {"group"}),
          sample("service", w.service, {"service"}),
          sample("grant", grant),
          sample("extension", extension, {"extends"}),
          sample("lease", lease, {"grant"}),
          sample("ticket", ticket, {"peer"}),
          sample("revocation of a grant", ends_grant),
          sample("revocation of a device", ends_device),
          sample("revocation of a key", ends_key, {"root"}),
          sample("revocation of an enrolment", ends_enrolment)};
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return out;
}
std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}
std::string field_of(const std::string& line) { return line.substr(0, line.find(": ")); }

void refused(const Sample& sample, const std::string& text, const std::string& why) {
  INFO(sample.name << ": " << why << "\n" << text);
  CHECK_FALSE(sample.round_trip(text));
}

std::string mapped(std::string text, int (*change)(int)) {
  for (auto& c : text) c = static_cast<char>(change(static_cast<unsigned char>(c)));
  return text;
}

// Writes into the fuzzer's corpus if CULVERT_GOLDEN=write is set: for a change of a format.
void write_golden(const std::string& name, const std::string& text) {
  const auto wanted = std::getenv("CULVERT_GOLDEN");
  if (wanted == nullptr || wanted != std::string_view("write")) return;
  std::ofstream(std::filesystem::path(CULVERT_SOURCE_DIR) / "tests/fuzz/corpus" / name) << text;
}

}  // namespace

TEST_CASE("statements: a good text parses and renders to itself") {
  for (const auto& s : samples()) {
    INFO(s.name << "\n" << s.text);
    CHECK(s.round_trip(s.text) == s.text);
    CHECK(kind_of(s.text).has_value());
  }
  CHECK_FALSE(kind_of("culvert/grant/v2\n"));
  CHECK_FALSE(kind_of("culvert/token/v1\n"));
  CHECK_FALSE(kind_of(""));
}

// The committed texts are also the fuzzer's corpus. A statement that was once signed must stay
// readable.
TEST_CASE("statements: the golden texts are of today's grammar, each field of it among them") {
  const auto folder = std::filesystem::path(CULVERT_SOURCE_DIR) / "tests/fuzz/corpus/statement";
  const auto fields = [](const std::string& text) {
    std::set<std::string> out;
    for (const auto& line : lines_of(text)) out.insert(field_of(line));
    return out;
  };
  auto all = samples();
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  evidence.claim(w.now, id_of(grant));
  evidence.deny(w.now, grant_id(3));
  all.push_back(sample("floors", evidence.floors()));
  all.push_back(sample("lease-question", LeaseQuestion{w.site,
                                                       w.agent.identity,
                                                       LeaseNonce{w.rng.array<32>()},
                                                       {},
                                                       {{grant_id(1), w.laptop.identity}}}));
  for (const auto& s : all) {
    auto name = s.name;
    std::replace(name.begin(), name.end(), ' ', '-');
    INFO(name);
    write_golden("statement/" + name, s.text);
    std::ifstream file(folder / name);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    CHECK(s.round_trip(text) == text);
    auto lines = fields(text);
    auto today = fields(s.text);
    lines.erase(lines_of(text).front());  // the type
    today.erase(lines_of(s.text).front());
    CHECK(lines == today);
  }
}

TEST_CASE("statements: lines missing, doubled, out of order, unknown") {
  for (const auto& s : samples()) {
    const auto lines = lines_of(s.text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      auto bad = lines;
      bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(i));
      if (s.optional.count(field_of(lines[i])) == 0) refused(s, joined(bad), "line missing");
      bad = lines;
      bad.insert(bad.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
      refused(s, joined(bad), "line doubled");
      for (const char* extra : {"colour: red", "", " ", "reason", "reason:", ": x", "key: value"}) {
        bad = lines;
        bad.insert(bad.begin() + static_cast<std::ptrdiff_t>(i), extra);
        refused(s, joined(bad), "line added");
      }
      if (i + 1 == lines.size()) continue;
      const bool free = field_of(lines[i]) == field_of(lines[i + 1]) &&
                        s.unordered.count(field_of(lines[i])) != 0;
      bad = lines;
      std::swap(bad[i], bad[i + 1]);
      if (!free) refused(s, joined(bad), "lines swapped");
    }
    refused(s, s.text + "colour: red\n", "line added at the end");
    refused(s, s.text + "\n", "empty line at the end");
    refused(s, s.text.substr(0, s.text.size() - 1), "last line feed missing");
    refused(s, "", "empty");
  }
}

TEST_CASE("statements: second spellings") {
  for (const auto& s : samples()) {
    const auto lines = lines_of(s.text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto field = field_of(lines[i]);
      const auto value = i == 0 ? lines[i] : lines[i].substr(field.size() + 2);
      const auto with = [&](const std::string& other) {
        auto bad = lines;
        bad[i] = i == 0 ? other : field + ": " + other;
        return joined(bad);
      };
      refused(s, with(value + " "), "trailing space");
      refused(s, with(" " + value), "leading space");
      refused(s, with(value + "\r"), "carriage return");
      refused(s, with(value + "\t"), "tab");
      refused(s, with(""), "empty value");
      if (field == "reason" || field == "issuer") continue;
      if (mapped(value, std::toupper) != value)
        refused(s, with(mapped(value, std::toupper)), "upper");
      if (mapped(value, std::tolower) != value)
        refused(s, with(mapped(value, std::tolower)), "lower");
      refused(s, with("é" + value), "not ASCII");
      refused(s, with(value + "é"), "not ASCII");
      if (value.find_first_not_of("0123456789") == std::string::npos) {
        refused(s, with("0" + value), "leading zero");
        refused(s, with("+" + value), "sign");
        refused(s, with("-1"), "negative");
        refused(s, with("18446744073709551616"), "overflow");
      }
    }
    refused(s, replaced(s.text, "/v1\n", "/v2\n"), "version");
    refused(s, replaced(s.text, "culvert/", "calvert/"), "type");
    refused(s, replaced(s.text, ": ", ":"), "no space after the colon");
  }
}

TEST_CASE("statements: bad times and hashes") {
  for (const auto& s : samples()) {
    const auto time = s.text.find("2026-11-2");
    if (time != std::string::npos) {
      for (const char* bad : {"2026-11-21T15:00:00", "2026-11-21 15:00:00Z", "2026-02-30T00:00:00Z",
                              "2026-11-21T24:00:00Z", "2026-11-21T15:00:60Z", "1795273200",
                              "2026-11-21T15:00:00+00:00", "2026-11-21T15:00:00.0Z"}) {
        auto text = s.text;
        refused(s, text.replace(time, 20, bad), bad);
      }
    }
    const auto hash = s.text.find("sha256:");
    if (hash != std::string::npos) {
      auto text = s.text;
      refused(s, text.replace(hash, 7, "sha512:"), "other hash");
      text = s.text;
      refused(s, text.erase(hash + 7, 2), "short hash");
      text = s.text;
      refused(s, text.insert(hash + 7, "00"), "long hash");
      text = s.text;
      text[hash + 7] = 'g';
      refused(s, text, "not hex");
    }
  }
}

TEST_CASE("statements: a flipped byte is refused or another statement with one spelling") {
  for (const auto& s : samples()) {
    for (std::size_t i = 0; i < s.text.size(); ++i) {
      for (const unsigned bit : {0U, 1U, 5U, 7U}) {
        auto text = s.text;
        text[i] = static_cast<char>(static_cast<unsigned char>(text[i]) ^ (1U << bit));
        const auto again = s.round_trip(text);
        if (again) CHECK(*again == text);
      }
    }
  }
}

TEST_CASE("statements: what each type refuses by its own rules") {
  World w;
  const auto grant = w.ask().text;
  const auto policy = w.policy.render();
  const auto root = w.site1.render();
  const auto vendor_root = w.vendor1.render();
  const auto agent = w.agent.render();
  const auto laptop = w.laptop.render();
  const auto service = w.service.render();
  const auto enrolment = w.enrolment.render();
  struct Row {
    const char* why;
    const std::string& text;
    std::string what;
    std::string with;
  };
  const std::string api = "api." + w.site.name.str();
  const std::vector<Row> rows = {
      {"service of another site", grant, "service: " + api, "service: api.evil.example.com"},
      {"service is the site", grant, "service: " + api, "service: " + w.site.name.str()},
      {"service two labels down", grant, "service: ", "service: x."},
      {"requester is no person", grant, "requester: alice@", "requester: alice"},
      {"ends before it begins", grant, "not-after: 2026-11-21", "not-after: 2026-11-20"},
      {"ends later than claim-by and duration say", grant, "duration: 900s", "duration: 899s"},
      {"no duration", grant, "duration: 900s", "duration: 0s"},
      {"an open list in a grant", grant, "scope: connect", "scope: connect a=*"},
      {"keys of the scope not sorted", grant, "scope: connect", "scope: connect b=1 a=1"},
      {"values of the scope not sorted", grant, "scope: connect", "scope: connect a=2,1"},
      {"a value of the scope twice", grant, "scope: connect", "scope: connect a=1,1"},
      {"claim-by after the end", grant, "claim-by: 2026-11-21", "claim-by: 2026-11-22"},
      {"claim-by before the start", grant, "claim-by: 2026-11-21", "claim-by: 2026-11-20"},
      {"unknown recording", grant, "recording: none", "recording: maybe"},
      {"scope in upper case", grant, "scope: connect", "scope: Connect"},
      {"extends itself", grant,
       "requester: ", "extends: " + id_of({grant, {}}).str() + "\nrequester: "},
      {"grant id of another alphabet", grant, "grant: 0", "grant: U"},
      {"grant id too large", grant, "grant: 0", "grant: 8"},
      {"lease over 30 s", policy, "lease: 30s", "lease: 31s"},
      {"lease 0", policy, "lease: 30s", "lease: 0s"},
      {"lease in minutes", policy, "lease: 30s", "lease: 1m"},
      {"port 0", policy, "tls 443", "tls 0"},
      {"port 65536", policy, "tls 443", "tls 65536"},
      {"three ports", policy, "tls 443", "tls 443,444,445"},
      {"one port twice", policy, "tls 443", "tls 443,443"},
      {"an empty port", policy, "tls 443", "tls 443,"},
      {"lease by nobody", policy, "by=vendor", "by=nobody"},
      {"expires before it is issued", policy, "expires: 2027", "expires: 2025"},
      {"expires in more than 400 days", policy, "expires: 2027", "expires: 2028"},
      {"claim of no time", policy, "lease: 30s", "claim: 0h\nlease: 30s"},
      {"claim over a week", policy, "lease: 30s", "claim: 169h\nlease: 30s"},
      {"no tag", policy, " tls 443 cluster", " tls 443"},
      {"service of another site", policy, "service: api.acme", "service: api.evil"},
      {"rule for an unlisted service", policy, "allow: api", "allow: apj"},
      {"nobody needs to sign", policy, "vendor=1 customer=1", "vendor=0 customer=0"},
      {"longer than a day", policy, "max=3600s", "max=86401s"},
      {"no time at all", policy, "max=3600s", "max=0s"},
      {"words in another order", policy, "vendor=1 customer=1", "customer=1 vendor=1"},
      {"first serial with a previous", policy, "previous: none",
       "previous: " + format_hash(w.site.id.view())},
      {"serial 2 without a previous", policy, "serial: 1", "serial: 2"},
      {"serial 0", policy, "serial: 1", "serial: 0"},
      {"epoch 2 that is its own first", root, "epoch: 1", "epoch: 2"},
      {"epoch 0", root, "epoch: 1", "epoch: 0"},
      {"epoch 1 with a previous", root, "previous: none",
       "previous: " + format_hash(w.site.id.view())},
      {"expires before it is issued", root, "expires: 2027", "expires: 2025"},
      {"threshold 0", root, "threshold: root 1", "threshold: root 0"},
      {"threshold above the persons", root, "threshold: root 1", "threshold: root 2"},
      {"approvers' threshold above the persons", root, "approvers 1", "approvers 3"},
      {"threshold of an unknown group", root, "threshold: root", "threshold: boss"},
      {"thresholds in another order", root, "threshold: root 1\nthreshold: approvers 1",
       "threshold: approvers 1\nthreshold: root 1"},
      {"vendor's group in a site root", root, "key: enrolment", "key: ticket"},
      {"no domain", root, "domain: acme.example\n", ""},
      {"a root person outside the domains", root, "root root@acme", "root root@evil"},
      {"an approver outside the domains", root, "approvers erin@acme", "approvers erin@other"},
      {"a domain twice", root, "domain: acme.example\n",
       "domain: acme.example\ndomain: acme.example shared\n"},
      {"shared by another word", root, "domain: acme.example", "domain: acme.example common"},
      {"a passkey that enrols", root,
       "enrolment bob@acme.example " + crypto::format_ed25519(w.enroller.public_key()),
       "enrolment bob@acme.example passkey:02" + w.enroller.public_key().hex()},
      {"a passkey that is no compressed point", root, crypto::format_ed25519(w.erin.public_key()),
       "passkey:04" + w.erin.public_key().hex()},
      {"pre-approvals unsaid", root, "pre-approvals: no\n", ""},
      {"pre-approvals perhaps", root, "pre-approvals: no", "pre-approvals: perhaps"},
      {"a device life of no time", vendor_root, "device-life: 24h", "device-life: 0h"},
      {"a device life over 30 days", vendor_root, "device-life: 24h", "device-life: 721h"},
      {"a coordinator in the root", vendor_root, "device-life: 24h",
       "coordinator: https://a.example x25519:" + w.agent.relay.hex()},
      {"unknown group", root, "key: enrolment", "key: janitors"},
      {"policy by nobody", root, "policy-by: root", "policy-by: enrolment"},
      {"one key in two groups", root, w.bob.public_key().hex(), w.enroller.public_key().hex()},
      {"one key for two persons", root, w.bob.public_key().hex(), w.erin.public_key().hex()},
      {"kind unknown", root, "kind: site", "kind: other"},
      {"kind vendor with a site's fields", root, "kind: site", "kind: vendor"},
      {"life over 30 days", agent, "expires: 2026-12-21T15:00:00Z",
       "expires: 2026-12-21T15:00:01Z"},
      {"one key for two purposes", agent, w.agent.relay.hex(), w.agent.disco.hex()},
      {"an agent with a person", agent, "tag: cluster", "person: alice@vendor.example"},
      {"a device's life over 30 days", laptop, "expires: 2026-11-22T15:00:00Z",
       "expires: 2026-12-21T15:00:01Z"},
      {"an agent that names its enrolment", agent, "enrolled: ", "enrolment: "},
      {"a device with a tag", laptop, "group: engineers", "tag: engineers"},
      {"issuer is not base64", service, "issuer: M", "issuer: !"},
      {"issuer is empty", service, "issuer: " + to_base64(w.service.issuer), "issuer: "},
      {"service of another site", service, "service: api.acme", "service: api.evil"},
      {"an enrolment over a day", enrolment, "not-after: 2026-11-21T16",
       "not-after: 2026-11-22T16"},
      {"an enrolment that never was", enrolment, "not-after: 2026-11-21T16",
       "not-after: 2026-11-21T14"},
      {"an enrolment of nobody", enrolment, "nodes: 1", "nodes: 0"},
      {"an enrolment of 65", enrolment, "nodes: 1", "nodes: 65"},
      {"an enrolment without a name", enrolment, "name: cluster-1", "name: "},
      {"renewed for over 400 days", enrolment, "renew-until: 2027-11-21",
       "renew-until: 2027-12-27"},
      {"renewed until before its end", enrolment, "renew-until: 2027", "renew-until: 2025"},
      {"several nodes that replace one", enrolment, "nodes: 1\nname: cluster-1\n",
       "nodes: 2\nname: cluster-1\nreplaces: " + crypto::format_ed25519(w.agent.identity) + "\n"},
      {"no room for the numbers", enrolment, "nodes: 1\nname: cluster-1\n",
       "nodes: 64\nname: " + std::string(61, 'x') + "\n"}};
  for (const auto& row : rows) {
    const auto text = replaced(row.text, row.what, row.with);
    INFO(row.why << "\n" << text);
    CHECK_FALSE(Grant::parse(text));
    CHECK_FALSE(Policy::parse(text));
    CHECK_FALSE(Root::parse(text));
    CHECK_FALSE(Node::parse(text));
    CHECK_FALSE(Service::parse(text));
    CHECK_FALSE(Enrolment::parse(text));
    CHECK_FALSE(Enrolled::parse(text));
  }
  auto revocation =
      Revocation{w.vendor_id, {}, Revokes::kNode, {}, {}, w.agent.identity, "x", kStart, {}, {}};
  CHECK_FALSE(Revocation::parse(revocation.render()));  // a node's revocation needs the site
  revocation.what = Revokes::kKey;
  CHECK_FALSE(Revocation::parse(revocation.render()));  // no root is named
  revocation.roots = {to_hash(w.site.id)};
  CHECK(Revocation::parse(revocation.render()));
  revocation.roots = {to_hash(w.site.id), to_hash(w.site.id)};
  CHECK_FALSE(Revocation::parse(revocation.render()));
  revocation.roots = {to_hash(w.site.id)};
  revocation.site = w.site;
  CHECK_FALSE(Revocation::parse(revocation.render()));
}

TEST_CASE("enrolled: fields in their order, and no second spelling") {
  World w;
  const auto text = w.enrolled.render();
  CHECK(must(Enrolled::parse(text)) == w.enrolled);
  CHECK(text == "culvert/enrolled/v1\nsite: " + w.site.name.str() +
                    "\nsite-id: " + format_hash(w.site.id.view()) +
                    "\nenrolment: " + format_hash(note::hash(w.enrolment_note).view()) +
                    "\nidentity: " + crypto::format_ed25519(w.agent.identity) +
                    "\nname: cluster-1\nissued: 2026-11-21T15:00:00Z\n");
}

TEST_CASE("enrolment: whose names it lets be") {
  World w;
  auto e = w.enrolment;
  CHECK(e.names(label("cluster-1")));
  CHECK_FALSE(e.names(label("cluster-1-0")));
  e.name = label("cluster");
  e.nodes = 3;
  CHECK(must(Enrolment::parse(e.render())).nodes == 3);
  for (const char* name : {"cluster-0", "cluster-2"}) CHECK(e.names(label(name)));
  for (const char* name : {"cluster", "cluster-3", "cluster-00", "cluster-x", "other-0"}) {
    CHECK_FALSE(e.names(label(name)));
  }
}

TEST_CASE("reason: composed, visible, one line, 200 code points") {
  World w;
  const auto with = [&](const std::string& reason) {
    auto request = w.request();
    request.reason = reason;
    return make_grant_request(request, w.laptop, w.laptop_key, w.now.wall, w.rng).has_value();
  };
  CHECK(with("a"));
  CHECK(with(std::string(200, 'x')));
  CHECK(with("Störung: Ünïcode, 日本語, हिन्दी, العربية, 🔑"));
  std::string long_points;
  for (int i = 0; i < 200; ++i) long_points += "é";
  CHECK(with(long_points));
  CHECK_FALSE(with(long_points + "é"));
  struct Row {
    const char* why;
    std::string reason;
  };
  const std::vector<Row> rows = {{"empty", ""},
                                 {"too long", std::string(201, 'x')},
                                 {"leading space", " x"},
                                 {"trailing space", "x "},
                                 {"line feed", "x\ny"},
                                 {"escape", "x\x1b[2J"},
                                 {"delete", "x\x7f"},
                                 {"C1 control", "x\xc2\x85y"},
                                 {"zero-width joiner", "x\u200dy"},
                                 {"right-to-left override", "x\u202ey"},
                                 {"isolate", "x\u2066y"},
                                 {"soft hyphen", "x\u00ady"},
                                 {"byte order mark", "\ufeffx"},
                                 {"line separator", "x\u2028y"},
                                 {"paragraph separator", "x\u2029y"},
                                 {"private use", "x\ue000y"},
                                 {"unassigned", "x\u0378y"},
                                 {"noncharacter", "x\uffffy"},
                                 {"tag character", "x\U000e0041y"},
                                 {"e and combining acute", "e\u0301"},
                                 {"Angstrom sign", "\u212b"},
                                 {"Hangul letters", "\u1100\u1161"},
                                 {"mark first", "\u0327x"},
                                 {"two marks", "x\u0316\u0317"},
                                 {"invalid UTF-8", "x\xff"}};
  for (const auto& row : rows) {
    INFO(row.why);
    CHECK_FALSE(with(row.reason));
  }
}

TEST_CASE("token: round trip, and what is refused") {
  World w;
  Token agent;
  agent.kind = NodeKind::kAgent;
  agent.coordinators = {"https://coordinator.vendor.example:7443"};
  agent.pin = to_hash(w.site.id);
  agent.secret = w.one_time.seed().clone();
  agent.notes = {w.vendor1_note, w.vendor2_note, w.site1_note, w.policy_note, w.enrolment_note};
  const auto text = agent.render();
  const auto parsed = must(Token::parse(text));
  CHECK(parsed.render() == text);
  CHECK(crypto::SigningKey::from_seed(parsed.secret.clone()).public_key() == w.enrolment.key);
  CHECK(parsed.notes == agent.notes);

  Token device;
  device.coordinators = {"https://a.example", "http://127.0.0.1:7443", "http://[::1]:7443"};
  device.pin = to_hash(w.vendor_id);
  device.person = person("alice@vendor.example");
  device.groups = {label("engineers"), label("sre")};
  device.notes = w.vendor_notes();
  CHECK(must(Token::parse(device.render())).render() == device.render());
  write_golden("token/agent", text);
  write_golden("token/device", device.render());

  const auto secret = to_hex(agent.secret.reveal());
  for (const auto& bad :
       {replaced(text, "kind: agent", "kind: device"), replaced(text, "/v1", "/v2"),
        replaced(text, "secret: ", "secret: 0"), replaced(text, "https://", "ftp://"),
        replaced(text, "https://coordinator", "https://User@coordinator"),
        replaced(text, "pin: ", "tin: "), text.substr(0, text.find("\n\n") + 1),
        text.substr(0, text.find("\n\n") + 2), text + "\n", text.substr(0, text.size() - 9)}) {
    const auto refused_token = Token::parse(bad);
    REQUIRE_FALSE(refused_token);
    CHECK(refused_token.error().message.find(secret) == std::string::npos);
  }
}

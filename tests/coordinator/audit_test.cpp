// Attackers of the coordinator's audit log: a node with the coordinator's name, lines about other
// nodes, bytes that are not UTF-8, floods that hide or displace other reporters' lines.
#include <algorithm>
#include <catch2/catch.hpp>

#include "coordinator/core/audit.hpp"
#include "proto/audit/entry.hpp"
#include "tests/coordinator/world_support.hpp"

using namespace culvert;
using namespace culvert::coordinator;
using namespace culvert::coordinator::test;

namespace {

constexpr const char* kSite = "acme.byoc.example.com";

struct Attack : World {
  Attack() {
    pump();
    bob = &person_with(site.approver);
    pump();
  }
  audit::Entry entry(audit::Kind kind) const {
    audit::Entry out;
    out.at = now.wall;
    out.kind = kind;
    return out;
  }
  Result<control::Reply> upload(Party& from, std::uint64_t first, const audit::Entry& entry) {
    return answer(from, from.client->upload_audit(first, {audit::render(entry)}));
  }

  TestSite& site = add_site(kSite);
  TestSite& other_site = add_site("other.byoc.example.com");
  Party& cluster = agent(site, "cluster-1");
  Party& laptop = device("alice-laptop", "alice@vendor.example");
  Party& mallory = device("coordinator", "mallory@vendor.example");
  Party* bob = nullptr;
};

}  // namespace

TEST_CASE("audit attack: a device named coordinator is told apart from the coordinator") {
  Attack world;
  auto entry = world.entry(audit::Kind::kAlarm);
  entry.detail = "approved by everybody reporter=coordinator";
  REQUIRE(world.upload(world.mallory, 0, entry));
  auto& carol = world.person_with(world.vendor_approver);
  world.pump();
  const auto shown = world.answer(carol, carol.client->query_audit(std::nullopt, 0));
  REQUIRE(shown);
  const auto own = audit::render(entry) +
                   " reporter=" + crypto::format_ed25519(world.mallory.node.identity) +
                   " name=coordinator";
  CHECK(std::count(shown->lines.begin(), shown->lines.end(), own) == 1);
  for (const auto& line : shown->lines) {
    if (!line.ends_with(" reporter=coordinator")) continue;
    CHECK(line.find("approved") == std::string::npos);
  }
}

TEST_CASE("audit attack: a node speaks of itself, its person and its site alone") {
  Attack world;
  const auto own_key = crypto::format_ed25519(world.laptop.node.identity);
  const auto others_key = crypto::format_ed25519(world.mallory.node.identity);
  const auto text = world.request(world.laptop, world.site);
  REQUIRE(world.put(world.laptop, text));
  const auto grant = trust::Grant::parse(note::parse(text)->text).value().id.str();
  using audit::Kind;
  struct Row {
    const char* what;
    Party* by;
    Kind kind;
    std::string audit::Entry::*field;
    std::string value;
    bool taken;
  };
  using E = audit::Entry;
  const std::vector<Row> rows = {
      {"a device's approval", &world.laptop, Kind::kApproval, &E::who, "", false},
      {"an agent's approval", &world.cluster, Kind::kApproval, &E::who, "bob@customer.example",
       false},
      {"a device's revocation", &world.laptop, Kind::kRevocation, &E::who, "", false},
      {"its own name", &world.laptop, Kind::kFlowOpen, &E::who, "alice-laptop", true},
      {"its own person", &world.laptop, Kind::kFlowOpen, &E::who, "alice@vendor.example", true},
      {"another person", &world.laptop, Kind::kFlowOpen, &E::who, "bob@customer.example", false},
      {"another node", &world.laptop, Kind::kFlowOpen, &E::who, "cluster-1", false},
      {"nobody", &world.laptop, Kind::kFlowOpen, &E::who, "", true},
      {"its own key", &world.laptop, Kind::kFlowOpen, &E::device, own_key, true},
      {"another key", &world.laptop, Kind::kFlowOpen, &E::device, others_key, false},
      {"its own grant", &world.laptop, Kind::kFlowOpen, &E::grant, grant, true},
      {"another's grant", &world.mallory, Kind::kFlowOpen, &E::grant, grant, false},
      {"a grant that is not known", &world.mallory, Kind::kFlowOpen, &E::grant,
       "01JD6Q0V5M3T9R8W2K7YB4XHNC", true},
      {"the site of a grant", &world.laptop, Kind::kFlowOpen, &E::site, kSite, true},
      {"an agent's own site", &world.cluster, Kind::kFlowOpen, &E::site, kSite, true},
      {"another site", &world.cluster, Kind::kFlowOpen, &E::site, "other.byoc.example.com", false},
      {"a service of its site", &world.cluster, Kind::kFlowOpen, &E::service,
       "api.acme.byoc.example.com", true},
      {"a service of another site", &world.cluster, Kind::kFlowOpen, &E::service,
       "api.other.byoc.example.com", false},
      {"a service that only ends like its site", &world.cluster, Kind::kFlowOpen, &E::service,
       "apiacme.byoc.example.com", false},
      {"a grantee", &world.cluster, Kind::kFlowOpen, &E::who, "alice@vendor.example", true},
      {"a grantee's key", &world.cluster, Kind::kFlowOpen, &E::device, own_key, true},
      {"another agent", &world.cluster, Kind::kFlowOpen, &E::who, "cluster-2", false},
      {"the coordinator", &world.cluster, Kind::kFlowOpen, &E::who, "coordinator", false},
  };
  std::map<const Party*, std::uint64_t> next;  // the next index of each reporter
  for (const auto& row : rows) {
    INFO(row.what);
    auto& index = next[row.by];
    auto entry = world.entry(row.kind);
    entry.*row.field = row.value;
    const auto stored = [&] {
      const auto lines = world.audit_lines();
      return std::count(lines.begin(), lines.end(), audit::render(entry));
    };
    const auto before = stored();
    const auto taken = world.upload(*row.by, index, entry);
    CHECK(taken.has_value() == row.taken);
    if (!taken) CHECK(taken.error().code == ErrorCode::kInvalid);
    CHECK(stored() == before + (row.taken ? 1 : 0));
    if (row.taken) ++index;
  }
}

TEST_CASE("audit attack: a line that is not UTF-8 is refused, with all lines of its upload") {
  Attack world;
  const std::string bad =
      GENERATE(as<std::string>{}, "bad\xFFutf8", "\xC0\xAE", "\xED\xA0\x80", "\xC2");
  auto entry = world.entry(audit::Kind::kAlarm);
  entry.detail = bad;
  const auto before = world.audit_lines().size();
  const auto good = audit::render(world.entry(audit::Kind::kLock));
  const auto taken = world.answer(
      world.laptop, world.laptop.client->upload_audit(0, {good, audit::render(entry)}));
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == ErrorCode::kInvalid);
  CHECK(world.audit_lines().size() == before);
}

TEST_CASE("audit attack: many lines do not hide newer lines") {
  Attack world;
  auto entry = world.entry(audit::Kind::kFlowOpen);
  std::vector<std::string> many(256, audit::render(entry));
  std::uint64_t next = 0;
  for (int i = 0; i < 20; ++i) {
    const auto taken = world.answer(world.cluster, world.cluster.client->upload_audit(next, many));
    REQUIRE(taken);
    next = taken->next;
  }
  entry.kind = audit::Kind::kLock;
  REQUIRE(world.upload(world.cluster, next, entry));
  const auto first = world.answer(*world.bob, world.bob->client->query_audit(kSite, 0));
  REQUIRE(first);
  REQUIRE_FALSE(first->lines.empty());
  CHECK(first->lines.front().starts_with(audit::render(entry)));
  std::size_t seen = first->lines.size();
  for (auto before = first->next; before != 0;) {
    const auto page = world.answer(*world.bob, world.bob->client->query_audit(kSite, before));
    REQUIRE(page);
    seen += page->lines.size();
    REQUIRE((page->next == 0 || page->next < before));
    before = page->next;
  }
  CHECK(seen > 20 * 256);
}

TEST_CASE("audit attack: a node that uploads without end is refused, and no other node") {
  Attack world;
  auto entry = world.entry(audit::Kind::kAlarm);
  entry.detail = std::string(3800, 'x');
  const std::vector<std::string> rows(200, audit::render(entry));
  std::size_t taken = 0;
  std::uint64_t next = 0;
  for (int i = 0; i < 100; ++i) {
    const auto reply = world.answer(world.mallory, world.mallory.client->upload_audit(next, rows));
    if (!reply) {
      CHECK(reply.error().code == ErrorCode::kExhausted);
      break;
    }
    taken += rows.size() * rows.front().size();
    next = reply->next;
  }
  CHECK(taken > 0);
  CHECK(taken <= kAuditBurst);
  REQUIRE(world.upload(world.laptop, 0, world.entry(audit::Kind::kLock)));
  REQUIRE(world.upload(world.cluster, 0, world.entry(audit::Kind::kLock)));
  CHECK_FALSE(world.answer(world.mallory, world.mallory.client->upload_audit(next, rows)));
  world.pass(Duration(60s));  // 16 KiB of rate come back each second
  CHECK(world.answer(world.mallory, world.mallory.client->upload_audit(next, rows)));
}

TEST_CASE("audit attack: an index that leaves no room is refused") {
  Attack world;
  const auto entry = world.entry(audit::Kind::kLock);
  CHECK_FALSE(world.upload(world.laptop, std::uint64_t{1} << 63U, entry));
  CHECK(world.upload(world.laptop, 7, entry));
}

TEST_CASE("audit quota: agents of one site share its room, another site has its own") {
  Attack world;
  AuditQuota quota;
  const Instant now{};
  std::vector<trust::Node> agents(8, world.cluster.node);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    agents[i].identity = crypto::SigningKey::generate(world.rng).public_key();
    while (quota.take(now, agents[i], 256U << 10U)) taken += 256U << 10U;
  }
  CHECK(taken <= kSiteAuditBurst);
  CHECK(taken > kSiteAuditBurst / 2);
  auto elsewhere = world.cluster.node;
  elsewhere.site = world.other_site.ref;
  elsewhere.identity = crypto::SigningKey::generate(world.rng).public_key();
  CHECK(quota.take(now, elsewhere, 256U << 10U));
  CHECK(quota.take(now, world.laptop.node, 256U << 10U));
}

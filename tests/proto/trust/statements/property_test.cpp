// Random statements: a rendered statement parses and renders to the same text.
#include <array>
#include <catch2/catch.hpp>
#include <set>

#include "proto/trust/statements/ticket.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;

namespace {

struct Random {
  explicit Random(std::uint64_t seed) : rng(seed) {}

  SeededRng rng;
  Fqdn site_name = fqdn("acme.example.com");

  std::string word() {
    std::string out(1 + rng.below(12), 'a');
    for (auto& c : out) c = "abcdefghijklmnopqrstuvwxyz0123456789"[rng.below(36)];
    return out;
  }
  Label tag() { return label(word()); }
  Person anyone() { return person(word() + "@" + word() + ".example"); }
  Fqdn service() { return fqdn(word() + "." + site_name.str()); }
  Hash hash() { return {rng.array<32>()}; }
  IdentityKey identity() { return {rng.array<32>()}; }
  SiteRef site() { return {site_name, to_site_id(hash())}; }
  WallTime time() { return kStart + std::chrono::seconds{rng.below(1'000'000)}; }
  std::chrono::seconds upto(std::chrono::seconds most) {
    return std::chrono::seconds{
        1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(most.count())))};
  }
  template <class Make>
  auto sorted(std::size_t least, std::size_t most, Make make) {
    std::set<decltype(make())> out;
    const auto count = least + rng.below(most - least + 1);
    while (out.size() < count) out.insert(make());
    return std::vector<decltype(make())>(out.begin(), out.end());
  }
  std::string reason() {
    constexpr std::array<std::string_view, 8> kParts = {"a", "Z", "7", "é", "日", "🔑", ":", "—"};
    std::string out;
    for (std::uint64_t i = 0; i <= rng.below(100); ++i) out += kParts[rng.below(kParts.size())];
    return out;
  }
};

template <class Statement>
void check(const Statement& statement, std::uint64_t seed) {
  const auto text = statement.render();
  INFO("seed " << seed << "\n" << text);
  const auto parsed = Statement::parse(text);
  if (!parsed) FAIL(parsed.error().message);
  CHECK(parsed->render() == text);
}

Policy random_policy(Random& r) {
  Policy out;
  out.site = r.site();
  out.serial = 1 + r.rng.below(3);
  if (out.serial > 1) out.previous = r.hash();
  out.issued = r.time();
  out.expires = out.issued + r.upto(kMaxPolicyLife);
  if (r.rng.below(2) == 0) out.claim = std::chrono::hours(1 + r.rng.below(168));
  if (r.rng.below(2) == 0) out.device_age = std::chrono::hours(1 + r.rng.below(720));
  if (r.rng.below(2) == 0) out.fresh = std::chrono::hours(1 + r.rng.below(720));
  out.lease = r.upto(kMaxLease);
  out.lease_by = static_cast<LeaseBy>(r.rng.below(3));
  for (const auto& name : r.sorted(0, 8, [&] { return r.service(); })) {
    out.services.push_back(
        {name, r.tag(), {static_cast<std::uint16_t>(1 + r.rng.below(65535))}, r.tag()});
    if (r.rng.below(3) == 0) {
      out.services.back().ports.push_back(
          static_cast<std::uint16_t>(out.services.back().port() % 65535 + 1));
    }
    out.allows.push_back({name, r.tag(), r.upto(kMaxGrantTime),
                          static_cast<std::uint32_t>(1 + r.rng.below(3)),
                          static_cast<std::uint32_t>(r.rng.below(3)), r.word() + " x=" + r.word()});
    out.standings.push_back({name, r.identity(), r.time(), r.rng.below(2) == 0, r.word()});
    out.pre_approvals.push_back({name, r.tag(), r.upto(kMaxPreApproved), r.time(), "connect a=*"});
  }
  out.sort();
  return out;
}

Node random_node(Random& r) {
  Node out;
  out.kind = r.rng.below(2) == 0 ? NodeKind::kAgent : NodeKind::kDevice;
  out.name = r.tag();
  out.serial = 1 + r.rng.next() % UINT64_MAX;
  out.identity = r.identity();
  out.wireguard = x25519<crypto::WireGuardKey>(r.rng);
  out.control = x25519<crypto::ControlKey>(r.rng);
  out.relay = x25519<crypto::RelayKey>(r.rng);
  out.disco = x25519<crypto::DiscoKey>(r.rng);
  out.issued = r.time();
  if (out.kind == NodeKind::kAgent) {
    out.site = r.site();
    out.enrolled = r.hash();
    out.tags = r.sorted(1, kMaxTags, [&] { return r.tag(); });
    out.expires = out.issued + r.upto(kMaxAgentLife);
  } else {
    out.vendor_id = to_vendor_id(r.hash());
    out.person = r.anyone();
    out.groups = r.sorted(0, kMaxGroups, [&] { return r.tag(); });
    out.expires = out.issued + r.upto(kMaxDeviceLife);
  }
  return out;
}

Grant random_grant(Random& r) {
  Grant out;
  out.site = r.site();
  out.id = GrantId::generate(r.time(), r.rng);
  if (r.rng.below(2) == 0) out.extends = GrantId::generate(r.time(), r.rng);
  out.requester = r.anyone();
  out.device = r.identity();
  out.service = r.service();
  out.scope = "w" + r.word() + " k=" + r.word();
  out.reason = r.reason();
  out.recording = r.rng.below(2) == 0;
  out.not_before = r.time();
  out.claim_by = out.not_before + r.upto(kMaxClaim);
  out.duration = r.upto(kMaxGrantTime);
  out.not_after = out.claim_by + out.duration;
  out.policy = r.hash();
  return out;
}

}  // namespace

TEST_CASE("property: random statements render and parse to themselves") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Random r(seed);
    check(random_policy(r), seed);
    check(random_node(r), seed);
    check(random_grant(r), seed);
    Service service{r.site(),
                    r.identity(),
                    1 + r.rng.below(99),
                    to_bytes(r.word()),
                    r.sorted(0, 20, [&] { return r.service(); }),
                    r.time(),
                    {}};
    service.expires = service.issued + r.upto(kMaxAgentLife);
    check(service, seed);
    Lease lease{to_vendor_id(r.hash()),
                r.site(),
                r.identity(),
                {r.rng.array<32>()},
                {{r.rng.next(), r.hash()}, {r.rng.next(), r.hash()}, {r.rng.next(), r.hash()}},
                r.sorted(0, kMaxLeaseGrants, [&] { return GrantId::generate(kStart, r.rng); })};
    check(lease, seed);
    Ticket ticket{to_vendor_id(r.hash()),
                  {r.rng.array<32>()},
                  {r.rng.array<32>()},
                  r.sorted(0, kMaxTicketPeers, [&] { return x25519<crypto::RelayKey>(r.rng); }),
                  r.rng.next(),
                  r.time()};
    check(ticket, seed);
    Revocation revocation{to_vendor_id(r.hash()), r.site(),   Revokes::kNode, {}, {},
                          r.identity(),           r.reason(), r.time(),       {}, {}};
    check(revocation, seed);
  }
}

TEST_CASE("ticket: what a relay checks") {
  World w;
  const Ticket ticket{w.vendor_id, w.agent.relay, w.laptop.relay, {}, 0, kStart};
  const note::KnownKey key{"coordinator@vendor.example", w.ticket.public_key()};
  const auto known = std::span(&key, 1);
  const auto note = note::render(must(sign_statement(ticket, Signer{"x", w.ticket})));
  const auto before = kStart - std::chrono::seconds{1};
  CHECK(must(verify_ticket(note, known, w.agent.relay, before)).node == w.laptop.relay);
  CHECK(verify_ticket(note, known, w.agent.relay, kStart).error().code == ErrorCode::kStale);
  CHECK(verify_ticket(note, known, w.laptop.relay, before).error().code == ErrorCode::kUnverified);
  CHECK(verify_ticket(note, {}, w.agent.relay, before).error().code == ErrorCode::kUnverified);
  const auto by_lease = note::render(must(sign_statement(ticket, Signer{"x", w.lease})));
  CHECK(verify_ticket(by_lease, known, w.agent.relay, before).error().code ==
        ErrorCode::kUnverified);
  CHECK(verify_ticket(replaced(note, "rate: 0", "rate: 9"), known, w.agent.relay, before)
            .error()
            .code == ErrorCode::kUnverified);
}

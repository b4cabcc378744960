// Two agents, a coordinator and a relay: no access without a grant, and access ends when it must.
#include <algorithm>
#include <catch2/catch.hpp>

#include "proto/ip/build.hpp"

#include "proto/ip/ecn.hpp"
#include "tests/agent/core/world_support.hpp"

namespace culvert::agent::test {
namespace {

struct Granted : World {
  Granted() {
    set_up();
    grant = request(kApi);
    approve(grant);
    const bool reached = run_until([&] { return in_force(); }, 5s);
    INFO(story());
    REQUIRE(reached);
  }
  bool in_force() {
    const auto usable = laptop.core->resolve(now, kApi);
    return site.core->status(now).live_grants == 1 && usable && usable->ready;
  }
  bool dark() {
    return site.core->services(now).empty() && laptop.core->services(now).empty() &&
           site.core->status(now).peers.empty() && laptop.core->status(now).peers.empty() &&
           site.listening.empty();
  }
  std::string grant;
};

TEST_CASE("core: without a grant there is nothing") {
  World world;
  world.set_up();
  CHECK(world.laptop.core->services(world.now).empty());
  CHECK(world.laptop.core->status(world.now).peers.empty());
  CHECK(world.site.core->status(world.now).peers.empty());
  CHECK(world.site.listening.empty());
  CHECK_FALSE(world.laptop.core->resolve(world.now, kApi));
  CHECK_FALSE(world.flow_opens(kApi, 40000));
  const auto real = world.laptop.core->dial(world.now, kApi);
  const auto unreal = world.laptop.core->dial(world.now, "none." + kSite);
  CHECK(real.error() == unreal.error());
  CHECK_FALSE(world.laptop.core->resolve(world.now, "a." + kApi));
  CHECK(world.laptop.core->dial(world.now, "a." + kApi).error() == unreal.error());
}

TEST_CASE("core: a pending request opens nothing, half an approval neither") {
  World world;
  world.set_up();
  const std::string grant = world.request(kApi);
  world.run(5s);
  CHECK(world.laptop.core->services(world.now).empty());
  const auto requests = world.laptop.core->requests(world.now);
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].grant == grant);
  CHECK(requests[0].phase == trust::RequestPhase::kPending);
  CHECK_FALSE(world.flow_opens(kApi, 40000));
}

TEST_CASE("core: a grant opens its service and no other") {
  Granted world;
  CHECK(world.flow_opens(kApi, 40000));
  CHECK_FALSE(world.flow_opens(kDb, 40001));
  const auto services = world.laptop.core->services(world.now);
  REQUIRE(services.size() == 1);
  CHECK(services[0].fqdn == kApi);
  CHECK(services[0].endpoint == world.service(kApi, 443));
  REQUIRE(world.site.listening.size() == 1);
  CHECK(world.site.listening.begin()->first == world.service(kApi, 443));

  const auto flow = world.site.core->authorize_flow(world.now, world.laptop.core->address(), kApi);
  REQUIRE(flow);
  CHECK(flow->person == "alice@vendor.example");
  CHECK(flow->grant == world.grant);
  CHECK(world.site.has(audit::Kind::kFlowOpen));
  CHECK_FALSE(world.site.core->authorize_flow(world.now, world.laptop.core->address(), kDb));
  CHECK(world.site.has(audit::Kind::kFlowDenied));
  // The site may not open a flow.
  CHECK_FALSE(world.passes_back(tcp(world.service(kApi, 443), world.client(22), ip::kSyn)));
}

TEST_CASE("core: a host below a granted service is that service, while the grant is in force") {
  Granted world;
  const std::string host = "a.b." + kApi;
  const auto found = world.laptop.core->resolve(world.now, host);
  REQUIRE(found);
  CHECK(found->fqdn == kApi);
  const auto dialed = world.laptop.core->dial(world.now, host);
  REQUIRE(dialed);
  CHECK(dialed->endpoint == world.service(kApi, 443));
  for (const std::string& other : {"x" + kApi, "a." + kDb, "a." + kSite, "A." + kApi, "_a." + kApi,
                                   "." + kApi, kApi + ".", host + ".corp.example"}) {
    INFO(other);
    CHECK_FALSE(world.laptop.core->resolve(world.now, other));
    CHECK_FALSE(world.laptop.core->dial(world.now, other));
  }
  world.revoke(world.grant);
  REQUIRE(world.run_until([&] { return world.dark(); }, 5s));
  CHECK_FALSE(world.laptop.core->resolve(world.now, host));
  CHECK_FALSE(world.laptop.core->dial(world.now, host));
}

TEST_CASE("core: bytes go by the relay alone, directly alone, and the path is told") {
  Granted world;
  world.direct_up = false;
  CHECK(world.flow_opens(kApi, 40000));
  REQUIRE(world.laptop.core->status(world.now).peers.size() == 1);
  CHECK(world.laptop.core->status(world.now).peers[0].path != PathKind::kDirect);
  world.direct_up = true;
  std::uint16_t port = 40001;
  CHECK(world.run_until(
      [&] {
        world.passes_out(tcp(world.client(port++), world.service(kApi, 443), ip::kSyn));
        return world.laptop.core->status(world.now).peers[0].path == PathKind::kDirect;
      },
      180s));
  std::optional<PingResult> ping;
  world.laptop.core->ping(world.now, kApi, [&](Result<PingResult> result) {
    if (result) ping = *result;
  });
  REQUIRE(world.run_until([&] { return ping.has_value(); }, 6s));
  CHECK(ping->path != PathKind::kNone);
}

TEST_CASE("core: congestion on a direct path is told to the flow (RFC 6040)") {
  Granted world;
  std::uint16_t port = 40001;
  REQUIRE(world.run_until(
      [&] {
        world.passes_out(tcp(world.client(port++), world.service(kApi, 443), ip::kSyn));
        return world.laptop.core->status(world.now).peers[0].path == PathKind::kDirect;
      },
      180s));
  world.congested = true;
  auto packet = tcp(world.client(port), world.service(kApi, 443), ip::kSyn);
  CHECK(world.passes_out(packet));
  REQUIRE(world.site.delivered.size() == 1);
  CHECK(ip::ecn_of(world.site.delivered[0]) == ip::kNotEct);
  ip::set_ecn(packet, ip::kEct0);
  CHECK(world.passes_out(packet));
  REQUIRE(world.site.delivered.size() == 1);
  CHECK(ip::ecn_of(world.site.delivered[0]) == ip::kCe);
}

TEST_CASE("core: a revocation cuts both sides within two seconds") {
  Granted world;
  REQUIRE(world.flow_opens(kApi, 40000));
  world.revoke(world.grant);
  CHECK(world.run_until([&] { return world.dark(); }, 2s));
  world.run(1ms);  // carries out the last effects
  CHECK(world.site.cuts.size() == 1);
  CHECK(world.laptop.cuts.size() == 1);
  CHECK(world.site.cuts[0].peer == world.laptop.core->address());
  CHECK(world.site.has(audit::Kind::kGrantEnded));
  CHECK_FALSE(world.flow_opens(kApi, 40001));
  CHECK(world.laptop.core->requests(world.now)[0].phase == trust::RequestPhase::kRevoked);
}

TEST_CASE("core: its requester ends it") {
  Granted world;
  std::optional<Result<void>> done;
  world.laptop.core->withdraw(world.now, world.grant, [&](Result<void> r) { done = r; });
  CHECK(world.run_until([&] { return world.dark() && done; }, 2s));
  REQUIRE(done);
  CHECK(*done);
}

TEST_CASE("core: the end of its time ends it") {
  World world;
  world.set_up();
  const std::string grant = world.request(kApi, 120s);
  world.approve(grant);
  REQUIRE(world.run_until(
      [&] {
        return world.site.core->status(world.now).live_grants == 1 &&
               world.laptop.core->status(world.now).live_grants == 1;
      },
      5s));
  REQUIRE(world.laptop.core->dial(world.now, kApi));
  std::uint16_t port = 40000;
  REQUIRE(world.run_until([&] { return world.flow_opens(kApi, ++port); }, 60s));
  // The laptop's own first packet claims nothing: the laptop's claim waits for the site's answer.
  CHECK(world.laptop.core->services(world.now)[0].claim_by);
  REQUIRE(world.site.core->authorize_flow(world.now, world.laptop.core->address(), kApi));
  CHECK(world.laptop.core->services(world.now)[0].claim_by);
  const auto data = ip::tcp_packet(world.service(kApi, 443), world.client(port),
                                   {ip::kAck | ip::kPsh, 1, 1, 1024}, view("hello"));
  REQUIRE(world.passes_back(data));
  world.run(1s);
  CHECK_FALSE(world.laptop.core->services(world.now)[0].claim_by);
  world.run(109s);
  CHECK(world.site.core->status(world.now).live_grants == 1);
  CHECK(world.laptop.core->status(world.now).live_grants == 1);
  world.run(15s);
  CHECK(world.site.core->status(world.now).live_grants == 0);
  CHECK(world.laptop.core->status(world.now).live_grants == 0);
  CHECK(world.site.cuts.size() == 1);
}

TEST_CASE("core: without the coordinator the lease lapses and cuts; with it back all returns") {
  Granted world;
  REQUIRE(world.flow_opens(kApi, 40000));
  world.run(30s);
  CHECK(world.in_force());  // leases were renewed the whole time
  world.stop_coordinator();
  CHECK(world.run_until([&] { return world.dark(); }, 7s));
  CHECK(world.site.has(audit::Kind::kLeaseLapsed));
  CHECK_FALSE(world.flow_opens(kApi, 40001));
  world.start_coordinator();
  CHECK(world.run_until([&] { return world.in_force(); }, 35s));
  CHECK(world.flow_opens(kApi, 40002));
}

TEST_CASE("core: the customer's lock and denial need nobody") {
  Granted world;
  bool done = false;
  world.site.core->lock(world.now, [&](Result<void> r) { done = r.has_value(); });
  CHECK(done);
  CHECK(world.site.core->status(world.now).live_grants == 0);
  CHECK(world.site.has(audit::Kind::kLock));
  CHECK_FALSE(world.flow_opens(kApi, 40000));
  REQUIRE(world.start(world.site));  // a restart keeps the lock
  world.run(3s);
  CHECK(world.site.core->status(world.now).locked);
  CHECK(world.site.core->status(world.now).live_grants == 0);
  world.site.core->unlock(world.now, [](Result<void>) {});
  world.run(3s);

  const std::string second = world.request(kDb);
  world.approve(second);
  REQUIRE(
      world.run_until([&] { return world.laptop.core->resolve(world.now, kDb).has_value(); }, 5s));
  world.site.core->deny(world.now, second, [](Result<void>) {});
  CHECK_FALSE(world.flow_opens(kDb, 40001));
  CHECK_FALSE(world.site.core->authorize_flow(world.now, world.laptop.core->address(), kDb));
}

TEST_CASE("core: agents restart into what they knew, also while the coordinator is down") {
  Granted world;
  REQUIRE(world.flow_opens(kApi, 40000));
  const IpAddress before = world.laptop.core->address();
  for (Agent* agent : {&world.site, &world.laptop}) {
    agent->options.token.reset();
    agent->options.pinned_root.reset();
    REQUIRE(world.start(*agent));
  }
  CHECK(world.laptop.core->address() == before);
  CHECK(world.run_until([&] { return world.in_force(); }, 10s));
  CHECK(world.flow_opens(kApi, 40001));
  world.stop_coordinator();
  REQUIRE(world.start(world.site));
  CHECK(world.site.core->status(world.now).admitted);
  CHECK(world.site.core->status(world.now).policy_serial == 1);
  CHECK(world.site.core->status(world.now).live_grants == 0);  // no lease, no grant
}

TEST_CASE("core: an audit log that cannot be written opens nothing and cuts within 30 s") {
  Granted world;
  world.site.audit.set_failing(true);
  CHECK_FALSE(world.site.core->authorize_flow(world.now, world.laptop.core->address(), kApi));
  CHECK(world.run_until([&] { return world.site.core->status(world.now).live_grants == 0; }, 30s));
  world.run(1ms);  // carries out the last effects
  CHECK(world.site.cuts.size() == 1);
  world.site.audit.set_failing(false);
  CHECK(world.run_until([&] { return world.in_force(); }, 10s));
}

TEST_CASE("core: a site store that cannot be written admits nothing new and still cuts") {
  Granted world;
  world.site.site_store.break_with(Error{ErrorCode::kUnavailable, "read-only file system"});
  const std::string second = world.request(kDb);
  world.approve(second);
  world.run(3s);
  CHECK_FALSE(world.site.core->authorize_flow(world.now, world.laptop.core->address(), kDb));
  world.revoke(world.grant);
  CHECK(world.run_until(
      [&] {
        return world.site.core->status(world.now).live_grants <= 1 && !world.site.cuts.empty();
      },
      2s));
}

TEST_CASE("core: two agents on one state folder: the one that writes second admits nothing new") {
  World world;
  world.set_up();
  auto second = world.site.options;
  second.token.reset();
  audit::MemorySink log;
  auto twin = Core::start(second, {world.site.site_store, world.site.node_store, log, world.rng},
                          world.now);
  REQUIRE(twin);
  bool locked = false;
  (*twin)->lock(world.now, [&](const Result<void>& done) { locked = done.has_value(); });
  REQUIRE(locked);  // the twin's write is the newest in the store
  world.approve(world.request(kApi));
  CHECK_FALSE(world.run_until(
      [&] {
        return !world.laptop.core->services(world.now).empty() && world.flow_opens(kApi, 40000);
      },
      5s));
  const auto& lines = world.site.log;
  CHECK(std::any_of(lines.begin(), lines.end(), [](const LogLine& line) {
    return line.event == "the site store fails: no new grants" &&
           line.detail.find("two agents run on one state folder") != std::string::npos;
  }));
  CHECK(world.site.core->status(world.now).live_grants == 0);
}

TEST_CASE("core: a clock that goes back denies new grants") {
  Granted world;
  world.run(61s);
  world.now.wall = world.now.wall - 3600s;
  const auto status = world.site.core->status(world.now);
  CHECK_FALSE(status.clock_ok);
  std::string refused;
  world.laptop.core->request(world.now, {kDb, "INC-2", 900s, {}, {}},
                             [&](Result<RequestView> view) {
                               if (!view) refused = view.error().message;
                             });
  world.run(2s);
  CHECK_FALSE(refused.empty());
}

TEST_CASE("core: both logs and the coordinator's copy have each step") {
  Granted world;
  REQUIRE(world.site.core->authorize_flow(world.now, world.laptop.core->address(), kApi));
  world.run(15s);
  std::size_t from_site = 0;
  const auto uploaded = world.store.audit({});
  REQUIRE(uploaded);
  for (const auto& stored : *uploaded) {
    if (stored.row.source != "coordinator") ++from_site;
  }
  CHECK(from_site >= world.site.audit.entries().size());
}

TEST_CASE("core: an issuer that could vouch for other names is not shown") {
  for (const bool sound : {true, false}) {
    World world;
    world.site.options.server_issuer = {1, 2, 3};
    world.laptop.options.sound_issuer = [&](ByteView certificate, const std::string& site) {
      return sound && certificate.size() == 3 && site == kSite;
    };
    world.set_up();
    const std::string grant = world.request(kApi);
    world.approve(grant);
    REQUIRE(world.run_until([&] { return world.laptop.core->resolve(world.now, kApi).has_value(); },
                            5s));
    CHECK(world.laptop.core->resolve(world.now, kApi)->issuer.empty() != sound);
  }
}

// ---- starting

struct Start {
  const char* what;
  std::function<void(World&)> change;
  std::string says;
};

TEST_CASE("core: what is wrong at the start is said in one line") {
  const Start table[] = {
      {"no token", [](World& w) { w.site.options.token.reset(); }, "needs a token"},
      {"no token file",
       [](World& w) {
         w.site.options.token.reset();
         w.site.options.missing_token = "/run/token";
       },
       "the file /run/token is not there"},
      {"rubbish", [](World& w) { w.site.options.token = "hello"; }, "the token is not usable"},
      {"no pin", [](World& w) { w.site.options.pinned_root.reset(); }, "--root-hash"},
      {"another pin", [](World& w) { w.site.options.pinned_root->bytes[0] ^= 1U; },
       "another site root"},
      {"the laptop's token", [](World& w) { w.site.options.role = Role::kDevice; },
       "not for a laptop"},
      {"expired", [](World& w) { w.now.wall = w.now.wall + std::chrono::hours(2); }, "expired"},
      {"a day early", [](World& w) { w.now.wall = w.now.wall - std::chrono::hours(24); },
       "set the clock"},
      {"read-only store",
       [](World& w) {
         w.site.site_store.break_with(Error{ErrorCode::kUnavailable, "read-only file system"});
       },
       "read-only"},
      {"full audit log", [](World& w) { w.site.audit.set_failing(true); }, ""},
  };
  for (const Start& c : table) {
    INFO(c.what);
    World world;
    c.change(world);
    const auto started = world.start(world.site);
    REQUIRE_FALSE(started);
    INFO(started.error().message);
    CHECK(started.error().message.find(c.says) != std::string::npos);
    CHECK(started.error().message.find('\n') == std::string::npos);
  }
}

TEST_CASE("core: an identity without its site store does not start") {
  World world;
  REQUIRE(world.start(world.site));
  for (const char* name : {"pins", "floors", "notes"}) REQUIRE(world.site.site_store.remove(name));
  const auto again = world.start(world.site);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::kDenied);
}

TEST_CASE("core: a site's agent renews itself for a year, also after months off") {
  World world;
  REQUIRE(world.start(world.site));
  const auto identity = world.site.core->status(world.now).identity;
  // Over half of the statement's life.
  world.now.wall = world.now.wall + std::chrono::hours(24 * 16);
  world.now.steady += std::chrono::hours(24 * 16);
  world.site.core->handle_timeout(world.now);
  REQUIRE(world.site.core->status(world.now).admitted);
  // Day 36: the first statement is over.
  world.now.wall = world.now.wall + std::chrono::hours(24 * 20);
  world.now.steady += std::chrono::hours(24 * 20);
  CHECK(world.site.core->status(world.now).admitted);
  // A long time off; the old token is still there.
  world.now.wall = world.now.wall + std::chrono::hours(24 * 90);
  REQUIRE(world.start(world.site));
  world.site.core->handle_timeout(world.now);
  CHECK(world.site.core->status(world.now).admitted);
  CHECK(world.site.core->status(world.now).identity == identity);
}

TEST_CASE("core: a start that was cut short goes on with the same identity") {
  World world;
  world.site.audit.set_failing(true);  // everything else has been stored by then
  REQUIRE_FALSE(world.start(world.site));
  const auto cut = world.site.node_store.values();
  world.site.audit.set_failing(false);
  REQUIRE(world.start(world.site));
  const auto identity = world.site.core->status(world.now).identity;
  World other;
  other.site.node_store.break_with(Error{ErrorCode::kUnavailable, "full"});
  REQUIRE_FALSE(other.start(other.site));  // an identity that is not stored is not used
  CHECK(other.site.site_store.values().empty());
  CHECK(cut.count("keys") == 1);
  CHECK(world.site.node_store.values().count("keys-new") == 0);
  REQUIRE(world.start(world.site));
  CHECK(world.site.core->status(world.now).identity == identity);
}

TEST_CASE("core: no one-time key stays in the state") {
  World world;
  REQUIRE(world.start(world.site));
  const auto token = trust::Token::parse(world.agent_token());
  REQUIRE(token);
  const auto secret = token->secret.reveal();
  for (const auto* store : {&world.site.site_store, &world.site.node_store}) {
    for (const auto& [name, value] : store->values()) {
      INFO(name);
      CHECK(std::search(value.bytes.begin(), value.bytes.end(), secret.begin(), secret.end()) ==
            value.bytes.end());
      CHECK(text(value.bytes).find(to_hex(secret)) == std::string_view::npos);
    }
  }
}

TEST_CASE("core: a token used again changes nothing") {
  World world;
  REQUIRE(world.start(world.site));
  const auto identity = world.site.core->status(world.now).identity;
  REQUIRE(world.start(world.site));
  CHECK(world.site.core->status(world.now).identity == identity);
}

}  // namespace
}  // namespace culvert::agent::test

// The packet size of a path: first the rules alone, then two probers on a network with a hole for
// large datagrams.
#include <catch2/catch.hpp>

#include "proto/path/disco.hpp"
#include "proto/path/path_size.hpp"
#include "tests/proto/path/network_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::path;

namespace {

const auto kA = "192.0.2.1:1000";
const auto kB = "198.51.100.2:2000";

struct Pair : Network {
  explicit Pair(std::uint64_t seed) : Network(seed) {
    attach(a(), {at(kA)});
    attach(b(), {at(kB)});
  }
  void talk(Duration time, Duration every = 50ms) {
    const auto end = now + time;
    while (now < end) {
      for (const std::size_t size : {std::size_t{96}, kFullSize}) {
        send_data(a(), b(), size);
        send_data(b(), a(), size);
      }
      run_for(every);
    }
  }
  Route route() { return a().prober->route(now, b().wireguard); }
  std::size_t lost() const { return sent - received.size(); }
  std::size_t padded() const {  // Pings on the wire
    return static_cast<std::size_t>(std::count_if(heard.begin(), heard.end(), [](const auto& d) {
      return is_disco(d.second) && d.second.size() > kPingSize;
    }));
  }
};

}  // namespace

TEST_CASE("path size: proven by answers, from the largest down") {
  PathSize size;
  CHECK(size.proven() == 0);
  CHECK(size.may_search(Instant{}));
  size.answered(kPingSize);
  CHECK(size.proven() == 0);
  size.answered(1264);
  size.answered(1232);
  CHECK(size.proven() == 1264);
  CHECK(size.floor() == 1264);
  size.answered(kFullSize);
  CHECK(size.proven() == kFullSize);
  CHECK_FALSE(size.may_search(Instant{}));
}

TEST_CASE("path size: three losses in a row lower it to what was answered meanwhile") {
  PathSize size;
  size.answered(1200);
  size.answered(kFullSize);
  CHECK_FALSE(size.lost(1264));  // below the proven size: no change
  CHECK(size.lost(kFullSize));
  CHECK(size.floor() == 0);
  size.answered(kFullSize);  // only one datagram was lost
  CHECK(size.floor() == kFullSize);
  for (int i = 1; i < kSizeTries; ++i) CHECK(size.lost(kFullSize));
  size.answered(1264);
  size.answered(1232);
  CHECK_FALSE(size.lost(kFullSize));
  CHECK(size.proven() == 1264);
  for (int i = 0; i < kSizeTries; ++i) static_cast<void>(size.lost(1264));
  CHECK(size.proven() == 0);
}

TEST_CASE("path size: searches are few") {
  PathSize size;
  size.answered(1264);
  Instant now{};
  for (int i = 0; i < kSizeTries; ++i) {
    CHECK(size.may_search(now));
    size.searching(now);
  }
  CHECK_FALSE(size.may_search(now + kSizeInterval - 1ns));
  CHECK(size.may_search(now + kSizeInterval));
}

TEST_CASE("prober: a good path carries full datagrams from its first moment") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Pair net(seed);
    net.jitter = 0ms;
    net.send_data(net.a(), net.b());
    REQUIRE(net.run_until([&] { return net.direct(net.a(), net.b()); }, 200ms));
    CHECK(net.route() == Route{at(kB), false, kFullSize});
    CHECK(net.a().changes.size() == 2);  // relayed, direct
    net.talk(30s);
    CHECK(net.lost() <= 4);  // the data on its way
    CHECK(net.a().prober->smallest() == kFullSize);
  }
}

TEST_CASE("prober: what does not pass a hole goes through the relay, all else directly") {
  for (const std::size_t hole : {1451U, 1300U, 1272U, 1252U, 1200U}) {
    INFO("hole " << hole);
    Pair net(hole);
    net.carried = hole;
    net.talk(2s);
    REQUIRE(net.direct(net.a(), net.b()));
    const auto fits =
        *std::find_if(kPathSizes.begin(), kPathSizes.end(), [&](auto s) { return s <= hole; });
    CHECK(net.route() == Route{at(kB), false, fits});
    CHECK(net.a().prober->status(net.now, net.b().wireguard).size == fits);
    CHECK(net.a().prober->smallest() == fits);
    net.talk(20s);
    net.run_for(1s);
    CHECK(net.lost() == 0);
  }
}

TEST_CASE("prober: a path that carries too little is not used") {
  Pair net(1);
  net.carried = 1199;
  net.talk(20s);
  net.run_for(1s);
  CHECK_FALSE(net.direct(net.a(), net.b()));
  CHECK(net.route() == Route{});
  CHECK(net.lost() == 0);
  const auto padded = net.padded();
  net.talk(60s);
  CHECK(net.padded() - padded <= 2 * (kPathSizes.size() + 2));  // one more try
}

TEST_CASE("prober: a hole that appears is found by the heartbeat, and found gone after a minute") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Pair net(seed);
    net.talk(4s + static_cast<std::int64_t>(seed) * 100ms);
    REQUIRE(net.route() == Route{at(kB), false, kFullSize});
    const auto changes = net.a().changes.size();
    net.carried = 1272;
    net.talk(kHeartbeat + 1s);
    CHECK(net.route() == Route{at(kB), false, 1264});
    CHECK(net.a().changes.size() == changes + 1);
    const auto lost = net.lost();
    net.talk(10s);
    net.run_for(1s);
    CHECK(net.lost() <= lost);
    net.carried = 65'507;
    net.talk(kSizeInterval + 2 * kHeartbeat);
    CHECK(net.route() == Route{at(kB), false, kFullSize});
    CHECK(net.a().prober->smallest() == kFullSize);
  }
}

TEST_CASE("prober: loss of some datagrams is not taken for a hole") {
  std::size_t lowered = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Pair net(seed);
    net.talk(4s);
    net.loss_percent = 2;
    net.talk(120s, 500ms);
    for (const auto& change : net.a().changes) {
      lowered += change.status.kind == PathKind::kDirect && change.status.size < kFullSize;
    }
  }
  CHECK(lowered == 0);
}

TEST_CASE("prober: pongs that are forged, played again or not asked for prove no size") {
  Pair net(5);
  net.carried = 1272;
  net.talk(4s);
  REQUIRE(net.route().size == 1264);
  const auto heard = net.heard;
  SeededRng rng(99);
  const auto eve = crypto::KeyPair<crypto::DiscoKey>::generate(rng);
  const auto box = *crypto::BoxKey::between(eve.secret, net.a().disco_key.view());
  for (int i = 0; i < 100; ++i) {
    Pong pong{{}, at(kA)};
    rng.fill(pong.transaction.bytes);
    net.inject(net.a(), at(kB), seal_disco(box, net.b().disco_key, rng, pong));
  }
  for (const auto& [to, bytes] : heard) {
    if (to == at(kA) && Prober::is_ours(bytes)) net.inject(net.a(), at(kB), bytes);
  }
  CHECK(net.a().prober->counters().forged == 100);
  CHECK(net.route().size == 1264);
}

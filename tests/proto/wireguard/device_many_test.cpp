// A silent peer costs only memory.
#include <catch2/catch.hpp>

#include "tests/proto/wireguard/wireguard_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

TEST_CASE("many peers: a timeout looks at those alone for which something is due") {
  constexpr int kSilent = 500;
  Host hub(1);
  SeededRng rng(9);
  for (int i = 0; i < kSilent; ++i) {
    PeerConfig peer;
    peer.public_key = Identity::generate(rng).public_key;
    peer.endpoint = Endpoint{IpAddress::v4(198, 51, 100, 1), static_cast<std::uint16_t>(i + 1)};
    REQUIRE(hub.device.add_peer(at(0s), std::move(peer)));
  }
  CHECK(hub.device.next_deadline() == Instant::never());

  Host one(2);
  Host two(3);
  connect(at(0s), hub, one);
  connect(at(0s), hub, two);
  int calls = 0;
  Duration since = 0s;
  for (; since < 300s && hub.device.next_deadline() != Instant::never(); ++calls) {
    since = std::max(since, hub.device.next_deadline() - at(0s).steady);
    hub.timeout(at(since));
  }
  CHECK(hub.device.counters().timers_expired >= 2);
  CHECK(hub.device.counters().timers_expired <= static_cast<std::uint64_t>(2 * calls));
  CHECK(calls < 200);
}

// The same script for devices with lanes and for devices without, from one seed, in one thread.
#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>

#include "tests/proto/wireguard/lanes_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

namespace {

constexpr std::size_t kHosts = 3;

// Three hosts in a full mesh. The network's faults depend on the script alone, so that both worlds
// have the same faults.
class World {
 public:
  World(std::uint64_t seed, const std::array<std::size_t, kHosts>& lanes) {
    for (std::size_t i = 0; i < kHosts; ++i) {
      hosts_.push_back(
          std::make_unique<LanedHost>(static_cast<std::uint8_t>(i + 1), lanes.at(i), seed));
    }
    for (std::size_t a = 0; a < kHosts; ++a) {
      for (std::size_t b = 0; b < kHosts; ++b) {
        if (a != b) REQUIRE(hosts_[a]->device.add_peer(at(0s), hosts_[b]->as_peer()));
      }
    }
  }

  LanedHost& host(std::size_t at) { return *hosts_.at(at); }

  void pass(Duration until) {
    for (;;) {
      const auto due = std::min_element(hosts_.begin(), hosts_.end(), [](auto& a, auto& b) {
        return a->device.next_deadline() < b->device.next_deadline();
      });
      const Instant next = (*due)->device.next_deadline();
      if (next > at(until).steady) break;
      now_ = std::max(now_, next - at(0s).steady);
      deliver((*due)->timeout(at(now_)));
    }
    now_ = until;
  }

  // `queue` chooses a lane in the world with lanes.
  void send(std::size_t from, std::size_t to, std::size_t queue, std::size_t count) {
    std::vector<Bytes> packets;
    for (std::size_t i = 0; i < count; ++i) {
      Bytes payload(8 + (last_id_ * 37) % 1300);
      store_be(payload.data(), ++last_id_);
      packets.push_back(host(from).packet_to(host(to), payload));
    }
    deliver(host(from).send(at(now_), queue % host(from).width(), packets));
  }

  void steer(std::size_t queue) {
    for (auto& host : hosts_) host->steer = queue % host->width();
  }
  // Moves a host, which then sends to all peers from the new port. Otherwise a peer could learn the
  // port from a keepalive in one world only: a device with lanes confirms a session before the
  // lanes send waiting packets, so its peer may owe one keepalive more.
  void roam(std::size_t which, std::uint16_t port) {
    host(which).endpoint.port = port;
    for (std::size_t i = 0; i < kHosts; ++i) {
      if (i != which) send(which, i, 0, 1);
    }
  }
  void cut(bool off) { cut_ = off; }
  void forget(std::size_t a, std::size_t b) {
    REQUIRE(host(a).device.remove_peer(host(b).device.public_key()));
    REQUIRE(host(a).device.add_peer(at(now_), host(b).as_peer()));
    deliver(host(a).settle(at(now_)));
  }
  void restart_sessions(std::size_t which) {
    auto identity = Identity::generate(host(which).rng);
    auto key = host(which).device.public_key();
    host(which).device.set_identity(std::move(identity));
    for (std::size_t i = 0; i < kHosts; ++i) {
      if (i == which) continue;
      REQUIRE(host(i).device.remove_peer(key));
      REQUIRE(host(i).device.add_peer(at(now_), host(which).as_peer()));
      deliver(host(i).settle(at(now_)));
    }
    deliver(host(which).settle(at(now_)));
  }

  Duration now() const { return now_; }

 private:
  void deliver(std::vector<InFlight> datagrams) {
    if (cut_) return;
    std::vector<LanedHost*> all;
    for (auto& host : hosts_) all.push_back(host.get());
    carry(at(now_), all, std::move(datagrams));
  }

  std::vector<std::unique_ptr<LanedHost>> hosts_;
  Duration now_{};
  std::uint64_t last_id_ = 0;
  bool cut_ = false;
};

// Sorted, as a packet that waited in a lane may arrive after a packet that waited in the device.
std::vector<Bytes> arrived(LanedHost& host) {
  auto out = std::exchange(host.inbox, {});
  std::sort(out.begin(), out.end());
  return out;
}

void step(SeededRng& rng, World& world) {
  static constexpr std::array<Duration, 7> kPauses = {1ms, 30ms, 500ms, 7s, 25s, 119s, 300s};
  const auto draw = [&rng](std::size_t bound) {
    return static_cast<std::size_t>(rng.below(bound));
  };
  world.pass(world.now() + kPauses.at(draw(kPauses.size())));
  world.steer(draw(4));
  const auto from = draw(kHosts);
  const auto to = (from + 1 + draw(kHosts - 1)) % kHosts;
  const auto what = draw(40);
  if (what == 0) world.roam(from, static_cast<std::uint16_t>(20'000 + draw(40'000)));
  if (what == 1) world.forget(from, to);
  if (what == 2) world.restart_sessions(from);
  world.cut(what >= 3 && what < 6);
  world.send(from, to, draw(4), 1 + draw(20));
  world.cut(false);
}

}  // namespace

TEST_CASE("lane: devices with lanes carry what devices alone carry") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    World alone(seed, {0, 0, 0});
    World laned(seed, {3, 1, 0});
    SeededRng script_alone(seed);
    SeededRng script_laned(seed);
    bool same = true;
    std::size_t carried = 0;
    for (int i = 0; i < 400 && same; ++i) {
      step(script_alone, alone);
      step(script_laned, laned);
      for (std::size_t host = 0; host < kHosts; ++host) {
        const auto expected = arrived(alone.host(host));
        carried += expected.size();
        same = same && arrived(laned.host(host)) == expected;
      }
      INFO("step " << i);
      REQUIRE(same);
    }
    alone.pass(alone.now() + 2 * kKeepaliveTimeout);
    laned.pass(laned.now() + 2 * kKeepaliveTimeout);
    for (std::size_t host = 0; host < kHosts; ++host) {
      INFO("host " << host);
      CHECK(laned.host(host).device.counters().sessions ==
            alone.host(host).device.counters().sessions);
      CHECK(laned.host(host).device.counters().handshakes_given_up ==
            alone.host(host).device.counters().handshakes_given_up);
      CHECK(laned.host(host).device.next_deadline() == alone.host(host).device.next_deadline());
    }
    CHECK(carried > 1000);
  }
}

// Two devices and a faulty network for simulated hours, all from one seed.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <tuple>

#include "tests/proto/wireguard/wireguard_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

namespace {

struct Faults {
  std::uint64_t loss_percent = 0;
  std::uint64_t duplicate_percent = 0;
  Duration longest_delay = 50ms;  // drawn for each datagram, which reorders datagrams
};

class World {
 public:
  explicit World(std::uint64_t seed) : rng_(seed), a_(1, {}, seed), b_(2, {}, seed) {
    introduce(at(0s), a_, b_);
  }

  // Both sides send at odd times until a minute before `until`, under `faults`.
  void run(Duration until, const Faults& faults) {
    faults_ = faults;
    last_send_ = until - 1min;
    Duration next_send = now_;
    for (;;) {
      Duration next = std::min({next_send, deadline(a_), deadline(b_)});
      if (!underway_.empty()) next = std::min(next, underway_.begin()->first);
      if (next > until) break;  // or nothing is left to do
      now_ = std::max(now_, next);
      step(next_send);
    }
    now_ = until;
  }

  const std::set<std::uint64_t>& sent_and_not_received() const { return open_; }
  void forget_open() { open_.clear(); }
  std::uint64_t received() const { return received_; }
  std::uint64_t sessions() const { return a_.device.counters().sessions; }
  bool sound() const { return sound_; }

 private:
  static Duration deadline(const Host& host) {
    const Instant due = host.device.next_deadline();
    return due == Instant::never() ? Duration::max() : due - at(0s).steady;
  }

  void step(Duration& next_send) {
    if (deadline(a_) <= now_) post(0, a_.timeout(at(now_)));
    if (deadline(b_) <= now_) post(1, b_.timeout(at(now_)));
    while (!underway_.empty() && underway_.begin()->first <= now_) {
      InFlight datagram = std::move(underway_.begin()->second);
      underway_.erase(underway_.begin());
      Host& to = datagram.to == a_.endpoint ? a_ : b_;
      post(&to == &a_ ? 0 : 1, to.receive(at(now_), datagram.from, std::move(datagram.bytes)));
      take_inbox(to);
    }
    if (next_send > now_) return;
    static constexpr std::array<Duration, 7> kPauses = {1ms, 30ms, 500ms, 7s, 25s, 150s, 700s};
    const auto who = rng_.below(4);
    if (who != 0) send(a_, b_, 0);
    if (who != 1) send(b_, a_, 1);
    next_send = now_ + kPauses.at(rng_.below(kPauses.size())) + Duration(rng_.below(1'000'000));
    if (next_send > last_send_) next_send = Duration::max();
  }

  void send(Host& from, Host& to, int side) {
    std::vector<Bytes> packets(1 + rng_.below(20));
    for (auto& packet : packets) {
      Bytes payload(8 + rng_.below(1300));
      store_be(payload.data(), ++last_id_);
      open_.insert(last_id_);
      packet = from.packet_to(to, payload);
    }
    post(side, from.send(at(now_), packets));
  }

  void take_inbox(Host& host) {
    for (const auto& packet : host.inbox) {
      const auto id = load_be<std::uint64_t>(packet.data() + 48);
      sound_ = sound_ && delivered_.insert(id).second && id <= last_id_;
      open_.erase(id);
      ++received_;
    }
    host.inbox.clear();
  }

  void post(int side, std::vector<InFlight> datagrams) {
    for (auto& each : datagrams) {
      if (message_type(each.bytes) == MessageType::kTransport) {
        // The receiver's index names the key; index and counter together must be new.
        const auto header = decode_transport(each.bytes);
        sound_ = sound_ && nonces_.emplace(side, header.receiver, header.counter).second;
      }
      const int copies = 1 + (rng_.below(100) < faults_.duplicate_percent ? 1 : 0);
      for (int i = 0; i < copies; ++i) {
        if (rng_.below(100) < faults_.loss_percent) continue;
        const auto delay = Duration(static_cast<std::int64_t>(
            rng_.below(static_cast<std::uint64_t>(faults_.longest_delay.count()))));
        underway_.emplace(now_ + delay, each);
      }
    }
  }

  SeededRng rng_;
  Host a_;
  Host b_;
  Faults faults_;
  Duration now_{};
  Duration last_send_{};
  std::multimap<Duration, InFlight> underway_;
  std::uint64_t last_id_ = 0;
  std::uint64_t received_ = 0;
  std::set<std::uint64_t> open_;
  std::set<std::uint64_t> delivered_;
  std::set<std::tuple<int, SessionIndex, std::uint64_t>> nonces_;
  bool sound_ = true;
};

}  // namespace

TEST_CASE("device: hours under faults: no nonce twice, nothing twice, all arrives afterwards") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    world.run(30min, {});
    CHECK(world.sent_and_not_received().empty());
    world.run(90min, {.loss_percent = 20, .duplicate_percent = 10, .longest_delay = 3s});
    world.run(95min, {.loss_percent = 100});
    world.run(100min, {.loss_percent = 5, .duplicate_percent = 50, .longest_delay = 20s});
    CHECK(world.sound());
    // The effects of the faults are over within the time of one more handshake.
    world.run(110min, {});
    world.forget_open();
    const auto before = world.sessions();
    world.run(300min, {});
    CHECK(world.sent_and_not_received().empty());
    CHECK(world.sound());
    CHECK(world.sessions() - before > 10);
    CHECK(world.sessions() - before < 120);
    CHECK(world.received() > 1000);
  }
}

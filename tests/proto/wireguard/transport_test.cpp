// One keypair in several threads, as lanes use a keypair: batches sealed and opened at once.
#include "proto/wireguard/transport.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "tests/proto/wireguard/wireguard_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

namespace {

constexpr std::size_t kThreads = 4;

template <class Work>
void in_threads(Work work) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
}

// One side seals, the other side opens.
std::pair<std::shared_ptr<Keypair>, std::shared_ptr<Keypair>> two_ends() {
  SeededRng rng(7);
  auto from = std::make_shared<Keypair>();
  auto to = std::make_shared<Keypair>();
  from->created = to->created = at(0s).steady;
  from->keys.send = crypto::Secret32::random(rng);
  to->keys.receive = from->keys.send.clone();
  return {from, to};
}

std::vector<Bytes> sealed(Keypair& keypair, std::size_t count, std::size_t size = 40) {
  SealBatch batch;
  Output out;
  std::vector<ByteView> views;
  const Bytes packet(size);
  for (std::size_t i = 0; i < count; ++i)
    views.push_back(batch.add(keypair, packet, nullptr, 1420, out));
  batch.seal();
  std::vector<Bytes> datagrams;
  for (const auto& view : views) datagrams.push_back(to_bytes(view));
  return datagrams;
}

struct Opened {
  std::vector<std::uint64_t> counters;  // accepted, in order
  Counters counted;
};

Opened open(Keypair& keypair, std::span<Bytes> datagrams) {
  OpenBatch batch;
  Opened out;
  std::vector<std::uint64_t> counters;
  for (auto& each : datagrams) {
    counters.push_back(decode_transport(each).counter);
    batch.add(at(1s).steady, keypair, each, out.counted);
  }
  batch.open(out.counted);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (batch.ok(i)) out.counters.push_back(counters[i]);
  }
  return out;
}

}  // namespace

TEST_CASE("transport: threads that seal with one keypair never use a counter twice") {
  const auto from = two_ends().first;
  std::array<std::vector<std::uint64_t>, kThreads> used;
  in_threads([&](std::size_t thread) {
    SeededRng rng(thread);
    for (int i = 0; i < 200; ++i) {
      for (const auto& datagram : sealed(*from, 1 + rng.below(100), 16)) {
        used.at(thread).push_back(decode_transport(datagram).counter);
      }
    }
  });
  std::set<std::uint64_t> all;
  std::size_t total = 0;
  bool in_order = true;
  for (const auto& counters : used) {
    in_order = in_order && std::is_sorted(counters.begin(), counters.end());
    all.insert(counters.begin(), counters.end());
    total += counters.size();
  }
  CHECK(in_order);
  CHECK(all.size() == total);
  CHECK(*all.rbegin() == total - 1);  // no counter is missing
  CHECK(from->sent.next() == total);
}

TEST_CASE("transport: a counter ends before kRejectAfterMessages") {
  const auto from = two_ends().first;
  CHECK(from->may_seal(at(0s).steady));
  from->sent.reserve(kRejectAfterMessages - Keypair::kUnderWay - 1);
  CHECK(from->may_seal(at(0s).steady));
  from->sent.reserve(1);
  CHECK_FALSE(from->may_seal(at(0s).steady));
  // Batches that had checked before still have room.
  CHECK(from->sent.reserve(Keypair::kUnderWay) == kRejectAfterMessages - Keypair::kUnderWay);
}

TEST_CASE("transport: threads that open copies of everything accept each packet once") {
  const auto [from, to] = two_ends();
  // Within one window, so that a sequential receiver accepts each datagram in any order.
  const auto datagrams = sealed(*from, ReplayWindow::kWindow);
  std::array<Opened, kThreads> opened;
  in_threads([&, keypair = to.get()](std::size_t thread) {
    auto mine = datagrams;
    std::shuffle(mine.begin(), mine.end(), std::mt19937_64(thread));
    auto& out = opened.at(thread);
    for (std::size_t i = 0; i < mine.size(); i += 64) {
      const auto batch = std::span(mine).subspan(i, std::min<std::size_t>(64, mine.size() - i));
      const auto part = open(*keypair, batch);
      out.counters.insert(out.counters.end(), part.counters.begin(), part.counters.end());
      out.counted.transport_replayed += part.counted.transport_replayed;
      out.counted.transport_forged += part.counted.transport_forged;
    }
  });
  std::set<std::uint64_t> all;
  std::size_t accepted = 0;
  std::uint64_t replayed = 0;
  for (const auto& each : opened) {
    all.insert(each.counters.begin(), each.counters.end());
    accepted += each.counters.size();
    replayed += each.counted.transport_replayed;
    CHECK(each.counted.transport_forged == 0);
  }
  CHECK(all.size() == datagrams.size());
  CHECK(accepted == datagrams.size());
  CHECK(replayed == (kThreads - 1) * datagrams.size());
}

TEST_CASE("transport: threads far apart accept nothing twice and nothing behind the window") {
  const auto to = two_ends().second;
  SharedReplayWindow& window = to->replay;
  std::array<std::vector<std::uint64_t>, kThreads> accepted;
  std::array<std::int64_t, kThreads> miscounted{};
  in_threads([&](std::size_t thread) {
    SeededRng rng(thread + 1);
    std::uint64_t front = 0;
    for (int i = 0; i < 2000; ++i) {
      front += rng.below(rng.below(50) == 0 ? 10'000 : 64);
      std::vector<crypto::AeadJob> jobs(1 + rng.below(32));
      for (auto& job : jobs) {
        const auto back = rng.below(rng.below(8) == 0 ? 12'000 : 64);
        job.counter = front - std::min(back, front);
        job.ok = rng.below(10) != 0;
      }
      const auto genuine = std::count_if(jobs.begin(), jobs.end(), [](auto& j) { return j.ok; });
      const auto replayed = window.accept(jobs);
      const auto kept = std::count_if(jobs.begin(), jobs.end(), [](auto& j) { return j.ok; });
      miscounted.at(thread) += genuine - kept - static_cast<std::ptrdiff_t>(replayed);
      for (const auto& job : jobs) {
        if (job.ok) accepted.at(thread).push_back(job.counter);
      }
    }
  });
  std::set<std::uint64_t> all;
  std::size_t total = 0;
  for (const auto& each : accepted) {
    all.insert(each.begin(), each.end());
    total += each.size();
  }
  CHECK(all.size() == total);
  CHECK(miscounted == std::array<std::int64_t, kThreads>{});
  // A datagram behind all accepted datagrams is refused.
  std::vector<crypto::AeadJob> late(1);
  late[0].counter = *all.rbegin() - ReplayWindow::kWindow - 1;
  late[0].ok = true;
  CHECK(window.accept(late) == 1);
}

TEST_CASE("transport: the shared window decides as the sequential one, in any interleaving") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    SharedReplayWindow shared;
    ReplayWindow model;
    // The progress of each lane, far from the other lanes.
    std::array<std::uint64_t, kThreads> fronts{};
    bool same = true;
    for (int i = 0; i < 2000; ++i) {
      auto& front = fronts.at(rng.below(kThreads));
      front += rng.below(rng.below(30) == 0 ? 9'000 : 100);
      std::vector<crypto::AeadJob> jobs(1 + rng.below(20));
      for (auto& job : jobs) {
        job.counter = front - std::min(front, rng.below(40));
        job.ok = rng.below(10) != 0;
      }
      auto expected = jobs;
      for (auto& job : expected) job.ok = job.ok && model.accept(job.counter);
      shared.accept(jobs);
      for (std::size_t j = 0; j < jobs.size(); ++j) same = same && jobs[j].ok == expected[j].ok;
    }
    CHECK(same);
  }
}

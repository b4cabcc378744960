#include "proto/runtime/stream/splice.hpp"

#include <catch2/catch.hpp>

#include "tests/proto/runtime/runtime_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

// left ⇄ (a = splice = b) ⇄ right
struct Joined {
  explicit Joined(Loop& loop, Duration idle = Duration::zero()) {
    TcpPair one(loop);
    TcpPair two(loop);
    left.take(std::move(one.client));
    right.take(std::move(two.client));
    SpliceOptions options;
    options.idle = idle;
    options.done = [this](const SpliceReport& said) { report = said; };
    joint = splice(loop, std::move(one.server), std::move(two.server), std::move(options));
  }
  Peer left, right;
  std::optional<SpliceReport> report;
  std::unique_ptr<Splice> joint;
};

}  // namespace

TEST_CASE("a splice keeps half-close and counts bytes", "[runtime][splice]") {
  Loop loop;
  Joined joined(loop);
  joined.left.write("question");
  joined.left.stream->finish();
  RUN_UNTIL(loop, joined.right.ended);
  CHECK(joined.right.got == "question");
  CHECK_FALSE(joined.report);
  joined.right.write("a longer answer");
  joined.right.stream->finish();
  RUN_UNTIL(loop, joined.report && joined.left.closed && joined.right.closed);
  CHECK(joined.left.got == "a longer answer");
  CHECK(joined.report->end == SpliceEnd::kFinished);
  CHECK(joined.report->a_to_b == 8);
  CHECK(joined.report->b_to_a == 15);
}

TEST_CASE("a slow reader holds the writer back, with bounded memory", "[runtime][splice]") {
  Loop loop;
  TcpPair one(loop);
  TcpPair two(loop);
  auto reader = std::move(two.client);
  reader->pause();
  Peer left;
  Peer right;
  left.take(std::move(one.client));
  right.take(std::move(reader));
  std::shared_ptr<ByteStream> b = std::move(two.server);
  const auto joint = splice(loop, std::move(one.server), b, {});
  constexpr std::size_t kTotal = 48U << 20U;
  const Bytes chunk(256U << 10U, 7);
  std::size_t written = 0;
  std::size_t most = 0;
  const auto pump = [&] {
    while (written < kTotal && left.stream->unsent() < kHighWater) {
      left.stream->write(chunk);
      written += chunk.size();
    }
    most = std::max(most, b->unsent());
  };
  // Runs until no byte moves: the whole path is full.
  std::size_t last = 0;
  int still = 0;
  RUN_UNTIL(loop, (pump(), loop.defer([] {}), still = written == last ? still + 1 : 0,
                   last = written, still > 200));
  CHECK(written < kTotal);
  CHECK(most <= kHighWater + (64U << 10U));
  right.stream->resume();
  RUN_UNTIL(loop, (pump(), right.got.size() == kTotal));
  CHECK(most <= kHighWater + (64U << 10U));
  CHECK(joint->a_to_b() == kTotal);
}

TEST_CASE("a cut closes both sides at once", "[runtime][splice]") {
  Loop loop;
  Joined joined(loop);
  joined.left.write("some");
  RUN_UNTIL(loop, joined.right.got == "some");
  joined.joint->cut();
  REQUIRE(joined.report);
  CHECK(joined.report->end == SpliceEnd::kCut);
  CHECK(joined.report->a_to_b == 4);
  joined.report.reset();
  joined.joint->cut();
  CHECK_FALSE(joined.report);
  RUN_UNTIL(loop, joined.left.ended && joined.right.ended);
}

TEST_CASE("a broken side breaks the other", "[runtime][splice]") {
  Loop loop;
  Joined joined(loop);
  joined.left.write("unread by a, so that closing resets");
  RUN_UNTIL(loop, !joined.right.got.empty());
  joined.right.stream->pause();
  joined.left.write("more");
  RUN_UNTIL(loop, joined.joint->a_to_b() == 39);
  joined.right.stream->close();  // bytes unread in the kernel: RST
  RUN_UNTIL(loop, joined.report && (joined.left.ended || joined.left.closed));
  CHECK(joined.report->end == SpliceEnd::kBroken);
  CHECK_FALSE(joined.report->error.message.empty());
}

TEST_CASE("an idle splice ends by itself and may go inside done", "[runtime][splice]") {
  Loop loop;
  TcpPair one(loop);
  TcpPair two(loop);
  std::unique_ptr<Splice> joint;
  bool done = false;
  SpliceOptions options;
  options.idle = 5ms;
  options.done = [&](const SpliceReport& report) {
    CHECK(report.end == SpliceEnd::kIdle);
    joint.reset();
    done = true;
  };
  joint = splice(loop, std::move(one.server), std::move(two.server), std::move(options));
  RUN_UNTIL(loop, done);
}

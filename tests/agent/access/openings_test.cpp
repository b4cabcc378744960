// A grantee that opens connections without end: how many connections may be open, and which entries
// the audit log gets.
#include "agent/access/openings.hpp"

#include <catch2/catch.hpp>
#include "tests/support/memory_sink.hpp"

using namespace culvert;
using namespace culvert::agent;
using culvert::audit::Kind;

namespace {

struct World {
  audit::Entry entry(const std::string& device, const std::string& grant = "g") const {
    audit::Entry out;
    out.kind = Kind::kFlowOpen;
    out.who = "alice@vendor.example";
    out.device = device;
    out.grant = grant;
    out.service = "api.acme.example.com";
    return out;
  }
  audit::Entry closing(const std::string& device) const {
    auto out = entry(device);
    out.kind = Kind::kFlowClose;
    out.bytes_in = 1;
    out.bytes_out = 10;
    return out;
  }
  void pass(Duration time) {
    now.steady = now.steady + time;
    now.wall = now.wall + std::chrono::duration_cast<std::chrono::seconds>(time);
    openings.handle_timeout(now);
  }
  std::uint64_t counted(Kind kind) const {
    std::uint64_t out = 0;
    for (const auto& each : sink.entries()) out += each.kind == kind ? each.count : 0;
    return out;
  }
  std::uint64_t lines(Kind kind) const {
    std::uint64_t out = 0;
    for (const auto& each : sink.entries()) out += each.kind == kind ? 1 : 0;
    return out;
  }

  Now now{Instant{1'000'000'000}, WallTime{1'795'273'200}};
  audit::MemorySink sink;
  Journal journal{sink, "cluster-1", "acme.example.com", 0};
  Openings openings{journal};
};

}  // namespace

TEST_CASE("openings: few of them have a line each, before they go on") {
  World w;
  for (std::uint64_t i = 0; i < Openings::kListed; ++i) {
    const auto opened = w.openings.open(w.now, w.entry("a"));
    REQUIRE(opened);
    CHECK(opened->member == 0);
    CHECK(opened->audit == 2 * i);
    CHECK(w.sink.entries().size() == 2 * i + 1);
    w.openings.close(w.now, w.closing("a"), opened->member);
    CHECK(w.sink.entries().back().kind == Kind::kFlowClose);
  }
}

TEST_CASE("openings: many are announced before they go on, and counted after") {
  World w;
  constexpr std::uint64_t kMany = 1000;
  std::uint64_t covered = 0;
  std::uint64_t announcement = 0;
  for (std::uint64_t i = 0; i < kMany; ++i) {
    const auto opened = w.openings.open(w.now, w.entry("a"));
    REQUIRE(opened);
    // The opening's own line is durable, or the line that announced the opening.
    REQUIRE(opened->audit < w.sink.entries().size());
    const auto& line = w.sink.entries()[opened->audit];
    CHECK(line.kind == Kind::kFlowOpen);
    CHECK((opened->member != 0) == (line.outcome == "group" && i > Openings::kListed));
    if (opened->member != 0) CHECK(opened->member == ++covered);
    if (opened->member != 0) announcement = opened->audit;
    if (i % 2 == 0) w.openings.close(w.now, w.closing("a"), opened->member);
  }
  CHECK(w.lines(Kind::kFlowOpen) == Openings::kListed + 1);
  CHECK(w.counted(Kind::kFlowGroup) == 0);
  w.pass(Openings::kWindow);
  CHECK(w.counted(Kind::kFlowGroup) == covered);
  CHECK(w.lines(Kind::kFlowOpen) + covered == kMany);
  const auto& told = w.sink.entries().back();
  CHECK(told.kind == Kind::kFlowGroup);
  CHECK(told.who == "alice@vendor.example");
  CHECK(told.grant == "g");
  CHECK(told.bytes_out == 10 * told.bytes_in);
  CHECK(told.bytes_in > 0);
  CHECK(told.detail.find("under entry " + std::to_string(announcement)) != std::string::npos);
  CHECK(w.openings.next_deadline() == Instant::never());
}

TEST_CASE("openings: what ends after its window is counted in a later line") {
  World w;
  Openings::Opened last;
  for (std::uint64_t i = 0; i < 100; ++i) last = w.openings.open(w.now, w.entry("a")).value();
  REQUIRE(last.member != 0);
  w.pass(Openings::kWindow);
  const auto before = w.lines(Kind::kFlowGroup);
  w.openings.close(w.now, w.closing("a"), last.member);
  CHECK(w.lines(Kind::kFlowClose) == 0);
  w.pass(Openings::kWindow);
  CHECK(w.lines(Kind::kFlowGroup) == before + 1);
  CHECK(w.sink.entries().back().detail == "1 ended");
}

TEST_CASE("openings: one that opens too fast is refused with a reason, and it alone") {
  World w;
  std::int64_t taken = 0;
  Result<Openings::Opened> opened;
  while ((opened = w.openings.open(w.now, w.entry("a")))) ++taken;
  CHECK(taken == Openings::kBurst);
  CHECK(opened.error().code == ErrorCode::kExhausted);
  CHECK(opened.error().message.find("too many new connections") != std::string::npos);
  CHECK_FALSE(w.openings.open(w.now, w.entry("a", "another grant")));
  CHECK(w.openings.open(w.now, w.entry("b")));
  w.pass(1s);
  taken = 0;
  while (w.openings.open(w.now, w.entry("a"))) ++taken;
  CHECK(taken == Openings::kRate);
}

TEST_CASE("openings: a day at full speed is a few megabytes a grant, not eleven gigabytes") {
  World w;
  std::uint64_t bytes = 0;
  std::size_t seen = 0;
  constexpr int kSeconds = 60;
  for (int second = 0; second < kSeconds; ++second) {
    for (std::int64_t i = 0; i < Openings::kRate; ++i) {
      const auto opened = w.openings.open(w.now, w.entry("a"));
      if (opened) w.openings.close(w.now, w.closing("a"), opened->member);
    }
    w.pass(1s);
  }
  for (; seen < w.sink.entries().size(); ++seen) {
    bytes += audit::render(w.sink.entries()[seen]).size() + 1;
  }
  CHECK(bytes * (86'400 / kSeconds) < 128U << 20U);
}

TEST_CASE("openings: nothing goes on while the log takes nothing, announced or not") {
  World w;
  for (std::uint64_t i = 0; i < 100; ++i) REQUIRE(w.openings.open(w.now, w.entry("a")));
  w.sink.set_failing(true);
  CHECK_FALSE(w.openings.open(w.now, w.entry("b")));  // this write shows that the log fails
  CHECK_FALSE(w.openings.open(w.now, w.entry("a")));
  w.sink.set_failing(false);
  CHECK(w.openings.open(w.now, w.entry("b")));
  CHECK(w.openings.open(w.now, w.entry("a")));
}

TEST_CASE("openings: refusals of one peer are counted, those of another have their lines") {
  World w;
  const auto one = parse_address("fd63::1").value();
  const auto other = parse_address("fd63::2").value();
  audit::Entry denied;
  denied.kind = Kind::kFlowDenied;
  for (int i = 0; i < 1000; ++i) w.openings.denied(w.now, one, denied);
  CHECK(w.lines(Kind::kFlowDenied) == Openings::kDeniedBurst);
  w.openings.denied(w.now, other, denied);
  CHECK(w.lines(Kind::kFlowDenied) == Openings::kDeniedBurst + 1);
  w.pass(1s);
  w.openings.denied(w.now, one, denied);
  CHECK(w.counted(Kind::kFlowDenied) == 1000 - Openings::kDeniedBurst);
}

TEST_CASE("journal: what is not UTF-8 is made so, and a line that is never taken blocks no other") {
  World w;
  auto entry = w.entry("a");
  entry.detail = "upstream said \xFF";
  REQUIRE(w.journal.opening(w.now, entry));
  CHECK(audit::is_utf8(w.sink.entries().back()));
  for (int i = 0; i < 20; ++i) REQUIRE(w.journal.opening(w.now, w.entry("a", std::to_string(i))));
  // The coordinator accepts every line except that of grant 13.
  std::vector<std::string> taken;
  for (int rounds = 0; w.journal.has_batch(); ++rounds) {
    REQUIRE(rounds < 50);
    const auto batch = w.journal.next_batch();
    const auto bad = std::any_of(batch.lines.begin(), batch.lines.end(), [](const auto& line) {
      return line.find("grant=13 ") != std::string::npos;
    });
    if (bad) {
      w.journal.refuse();
      continue;
    }
    CHECK(batch.first >= taken.size());
    taken.insert(taken.end(), batch.lines.begin(), batch.lines.end());
    w.journal.acknowledge(true);
  }
  CHECK(taken.size() == 20);
  CHECK(w.journal.lost() == 1);
}

#include "proto/runtime/loop/log.hpp"

#include <catch2/catch.hpp>

#include "proto/runtime/loop/metrics.hpp"

using namespace culvert;
using namespace culvert::runtime;

TEST_CASE("a log line is one line, whatever its values hold", "[runtime][log]") {
  CHECK(log::render("relay connected", {{"relay", "r1"}, {"ms", 12}, {"direct", false}}) ==
        "relay connected relay=r1 ms=12 direct=false");
  CHECK(log::render("x", {{"reason", "two words"}, {"empty", ""}, {"bad", "a\nb\x1b[31m\"\\"}}) ==
        R"(x reason="two words" empty="" bad="a\x0ab\x1b[31m\"\\")");
  // C1 controls, marks that reorder or hide text, line separators, bytes that are no UTF-8.
  CHECK(log::render("x", {{"why",
                           "a\xc2\x9b"
                           "31m\xe2\x80\xae\xe2\x80\xa8\xe2\x80\x8b\xff"}}) ==
        R"(x why="a\xc2\x9b31m\xe2\x80\xae\xe2\x80\xa8\xe2\x80\x8b\xff")");
  CHECK(log::render("x", {{"who", "jos\xc3\xa9"}}) == "x who=\"jos\xc3\xa9\"");
  CHECK(log::render("x", {{"error", Error{ErrorCode::kInvalid, "no"}}}) == "x error=no");
}

TEST_CASE("log levels", "[runtime][log]") {
  CHECK(*log::parse_level("warn") == log::Level::kWarn);
  CHECK_FALSE(log::parse_level("loud"));
  CHECK(log::enabled(log::Level::kInfo));
  CHECK_FALSE(log::enabled(log::Level::kDebug));
  log::set_level(log::Level::kOff);
  CHECK_FALSE(log::enabled(log::Level::kError));
  log::set_level(log::Level::kInfo);
}

TEST_CASE("metrics are exposed as Prometheus text", "[runtime][metrics]") {
  Metrics metrics;
  auto& bad = metrics.counter("frames_refused_total", "Frames refused.", R"(reason="bad")");
  auto& clients = metrics.gauge("clients", "Connected now.");
  metrics.counter("frames_refused_total", "Frames refused.", R"(reason="long")").add(2);
  bad.add();
  clients.set(3);
  CHECK(&metrics.counter("frames_refused_total", "", R"(reason="bad")") == &bad);
  CHECK(metrics.exposition() ==
        "# HELP clients Connected now.\n# TYPE clients gauge\nclients 3\n"
        "# HELP frames_refused_total Frames refused.\n# TYPE frames_refused_total counter\n"
        "frames_refused_total{reason=\"bad\"} 1\nframes_refused_total{reason=\"long\"} 2\n");
}

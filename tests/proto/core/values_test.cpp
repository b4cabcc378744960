#include <catch2/catch.hpp>

#include "proto/core/endpoint.hpp"
#include "proto/core/time.hpp"

using namespace culvert;

TEST_CASE("wall time has one spelling") {
  CHECK(format_time({0}) == "1970-01-01T00:00:00Z");
  CHECK(format_time({1'795'273'200}) == "2026-11-21T15:00:00Z");
  CHECK(parse_time("2026-11-21T15:00:00Z") == WallTime{1'795'273'200});
  CHECK(parse_time("2024-02-29T23:59:59Z"));
  for (const char* bad : {"2026-11-21T15:00:00", "2026-11-21 15:00:00Z", "2026-02-29T00:00:00Z",
                          "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T15:00:60Z",
                          "1969-12-31T23:59:59Z", "2026-11-21T15:00:00z", "+026-11-21T15:00:00Z"}) {
    CHECK_FALSE(parse_time(bad));
  }
}

TEST_CASE("durations: a number and a unit") {
  CHECK(parse_duration("15m") == std::chrono::seconds{900});
  CHECK(parse_duration("1h") == std::chrono::seconds{3600});
  CHECK(format_duration(std::chrono::seconds{5400}) == "1h30m");
  CHECK(format_duration(std::chrono::seconds{0}) == "0s");
  for (const char* bad : {"", "m", "0m", "05m", "-1m", "1w", "1h30m", "9999999999s"}) {
    CHECK_FALSE(parse_duration(bad));
  }
}

TEST_CASE("endpoints: parse and format agree") {
  for (const char* text : {"10.0.0.1:80", "[fd00::1]:65535", "[::]:0", "255.255.255.255:1"}) {
    const auto endpoint = parse_endpoint(text);
    REQUIRE(endpoint);
    CHECK(format(*endpoint) == text);
  }
  for (const char* bad : {"", ":80", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1",
                          "fd00::1:80", "[fd00::1]", "host:80", "10.0.0.1:+80"}) {
    CHECK_FALSE(parse_endpoint(bad));
  }
}

TEST_CASE("address classes") {
  CHECK(parse_address("127.0.0.9")->is_loopback());
  CHECK(parse_address("::1")->is_loopback());
  CHECK_FALSE(parse_address("::2")->is_loopback());
  CHECK(parse_address("169.254.169.254")->is_link_local());
  CHECK(parse_address("fe80::1")->is_link_local());
  CHECK(parse_address("0.0.0.0")->is_unspecified());
  CHECK(parse_address("::")->is_unspecified());
}

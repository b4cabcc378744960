#include <catch2/catch.hpp>

#include "proto/core/endpoint.hpp"
#include "proto/core/inside.hpp"
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

TEST_CASE("addresses that lead inside, whatever they are wrapped in") {
  for (const char* inside : {"127.0.0.1",         "127.255.255.255",  "::1",
                             "0.0.0.0",           "0.1.2.3",          "::",
                             "10.0.0.1",          "172.16.0.1",       "172.31.255.255",
                             "192.168.1.1",       "169.254.169.254",  "100.64.0.1",
                             "100.127.255.255",   "fe80::1",          "febf::1",
                             "fec0::1",           "fc00::1",          "fd63:756c:7665::1",
                             "::ffff:10.0.0.1",   "::ffff:127.0.0.1", "::10.0.0.1",
                             "64:ff9b::10.0.0.1", "64:ff9b::7f00:1",  "64:ff9b:1::1",
                             "2002:0a00:0001::1", "2002:7f00:1::"}) {
    INFO(inside);
    CHECK(leads_inside(*parse_address(inside)));
  }
  for (const char* outside :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.0.1",
        "192.169.0.1", "100.63.255.255", "100.128.0.0", "203.0.113.1", "2001:db8::1",
        "2606:4700::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"}) {
    INFO(outside);
    CHECK_FALSE(leads_inside(*parse_address(outside)));
  }
}

// Time as a value. Nothing here can read a clock: shells and tests hand time in.
//
//   Instant    nanoseconds of a steady clock (CLOCK_BOOTTIME in the programs); only differences of
//              two instants mean something
//   WallTime   whole seconds since 1970-01-01T00:00:00Z, without leap seconds; statements and
//              certificates use it
//   Now        an Instant and a WallTime that were read together; every pure core takes it
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace culvert {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

struct Instant {
  std::int64_t nanoseconds = 0;

  static constexpr Instant never() { return {std::numeric_limits<std::int64_t>::max()}; }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant at, Duration by) {
    return at == never() ? at : Instant{at.nanoseconds + by.count()};
  }
  friend constexpr Instant operator-(Instant at, Duration by) {
    return Instant{at.nanoseconds - by.count()};
  }
  friend constexpr Duration operator-(Instant a, Instant b) {
    return Duration{a.nanoseconds - b.nanoseconds};
  }
  constexpr Instant& operator+=(Duration by) { return *this = *this + by; }
};

struct WallTime {
  std::int64_t seconds = 0;

  friend constexpr auto operator<=>(WallTime, WallTime) = default;
  friend constexpr WallTime operator+(WallTime at, std::chrono::seconds by) {
    return {at.seconds + by.count()};
  }
  friend constexpr WallTime operator-(WallTime at, std::chrono::seconds by) {
    return {at.seconds - by.count()};
  }
  friend constexpr std::chrono::seconds operator-(WallTime a, WallTime b) {
    return std::chrono::seconds{a.seconds - b.seconds};
  }
};

struct Now {
  Instant steady;
  WallTime wall;
};

std::string format_time(WallTime at);                       // 2026-11-21T15:00:00Z
std::optional<WallTime> parse_time(std::string_view text);  // format_time()'s form, 1970 to 9999
std::optional<std::chrono::seconds> parse_duration(std::string_view text);  // 90s, 15m, 8h, 30d
std::string format_duration(std::chrono::seconds length);                   // 1h30m, 15m, 42s

}  // namespace culvert

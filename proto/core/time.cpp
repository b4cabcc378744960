#include "proto/core/time.hpp"

#include <array>
#include <cstdio>

namespace culvert {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kLastSecond = 253'402'300'799;  // 9999-12-31T23:59:59Z

std::optional<int> digits(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::string format_time(WallTime at) {
  using namespace std::chrono;
  const std::int64_t clamped = at.seconds < 0 ? 0 : std::min(at.seconds, kLastSecond);
  const year_month_day date{sys_days{days{clamped / kDaySeconds}}};
  const std::int64_t second = clamped % kDaySeconds;
  std::array<char, 40> out{};
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(second / 3600),
                static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
  return out.data();
}

std::optional<WallTime> parse_time(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  if (text.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != '0' && text[i] != kForm[i]) return std::nullopt;
  }
  const auto year_ = digits(text.substr(0, 4));
  const auto month_ = digits(text.substr(5, 2));
  const auto day_ = digits(text.substr(8, 2));
  const auto hour = digits(text.substr(11, 2));
  const auto minute = digits(text.substr(14, 2));
  const auto second = digits(text.substr(17, 2));
  if (!year_ || !month_ || !day_ || !hour || !minute || !second) return std::nullopt;
  const year_month_day date{year{*year_}, month{static_cast<unsigned>(*month_)},
                            day{static_cast<unsigned>(*day_)}};
  if (!date.ok() || *year_ < 1970 || *hour > 23 || *minute > 59 || *second > 59) {
    return std::nullopt;
  }
  const std::int64_t day_count = sys_days{date}.time_since_epoch().count();
  return WallTime{day_count * kDaySeconds + *hour * 3600 + *minute * 60 + *second};
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  if (text.size() < 2 || text.size() > 9 || text.front() == '0') return std::nullopt;
  const auto count = digits(text.substr(0, text.size() - 1));
  if (!count) return std::nullopt;
  const std::int64_t n = *count;
  switch (text.back()) {
    case 's':
      return std::chrono::seconds{n};
    case 'm':
      return std::chrono::seconds{n * 60};
    case 'h':
      return std::chrono::seconds{n * 3600};
    case 'd':
      return std::chrono::seconds{n * kDaySeconds};
    default:
      return std::nullopt;
  }
}

std::string format_duration(std::chrono::seconds length) {
  const std::int64_t total = length.count() < 0 ? 0 : length.count();
  std::string out;
  const auto unit = [&](std::int64_t n, char suffix) {
    if (n != 0) out += std::to_string(n) + suffix;
  };
  unit(total / kDaySeconds, 'd');
  unit(total / 3600 % 24, 'h');
  unit(total / 60 % 60, 'm');
  unit(total % 60, 's');
  return out.empty() ? "0s" : out;
}

}  // namespace culvert

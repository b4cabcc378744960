#include "proto/trust/register/store_clock.hpp"

#include <algorithm>

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

std::uint64_t seconds_of(Instant at) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, at.nanoseconds) / 1'000'000'000);
}

}  // namespace

std::string render(const StoredClock& clock) {
  return format_time(clock.kept) + " " + std::to_string(clock.age.seconds) + " " +
         clock.boot.hex() + " " + std::to_string(clock.boot_seconds) + " " +
         (clock.anchored ? "yes" : "no");
}

std::optional<StoredClock> parse_stored_clock(std::string_view text) {
  const auto words = split_words(text, 5);
  if (words.empty()) return std::nullopt;
  const auto kept = parse_time(words[0]);
  const auto age = parse_number(words[1]);
  const auto raw_boot = from_hex(words[2]);
  const auto boot = raw_boot ? BootId::from(*raw_boot) : std::nullopt;
  const auto boot_seconds = parse_number(words[3]);
  const bool anchored = words[4] == "yes";
  if (!kept || !age || !boot || !boot_seconds || (!anchored && words[4] != "no")) {
    return std::nullopt;
  }
  return StoredClock{*kept, StoreAge{*age}, *boot, *boot_seconds, anchored};
}

void StoreClock::advance(Now now) {
  const auto boot_seconds = seconds_of(now.steady);
  const bool same_boot =
      begun_ || (!boot_.is_zero() && stored_.boot == boot_ && boot_seconds >= stored_.boot_seconds);
  const auto elapsed =
      same_boot && boot_seconds > stored_.boot_seconds ? boot_seconds - stored_.boot_seconds : 0;
  if (!same_boot) stored_.anchored = false;
  begun_ = true;
  stored_.boot = boot_;
  stored_.boot_seconds = std::max(boot_seconds, same_boot ? stored_.boot_seconds : 0);
  stored_.age.seconds += elapsed;
  rise(now, elapsed);
}

void StoreClock::rise(Now now, std::uint64_t elapsed) {
  if (stored_.kept == WallTime{}) {
    stored_.kept = now.wall;
    stored_.anchored = true;
    return;
  }
  if (!stored_.anchored && agree(now)) {
    stored_.anchored = true;
    stored_.kept = std::max(stored_.kept, now.wall);
    return;
  }
  const auto most = stored_.kept + std::chrono::seconds(static_cast<std::int64_t>(elapsed));
  stored_.kept = std::max(stored_.kept, std::min(now.wall, most));
}

bool StoreClock::agree(Now now) {
  if (agreed_) {
    const auto by_boot =
        std::chrono::duration_cast<std::chrono::seconds>(now.steady - agreed_->steady);
    const auto apart = (now.wall - agreed_->wall) - by_boot;
    if (apart <= kAgreement && apart >= -kAgreement) return by_boot >= kAgreeFor;
  }
  agreed_ = now;
  return false;
}

StoreAge StoreClock::forget_at(Now now, WallTime end, std::chrono::seconds margin) const {
  const bool fresh = stored_.kept == WallTime{};  // a new store that has kept no time yet
  const auto from = fresh ? now.wall : std::min(now.wall, stored_.kept);
  const auto ahead = std::max(end - from, std::chrono::seconds{0}) + margin;
  return {stored_.age.seconds + static_cast<std::uint64_t>(ahead.count())};
}

}  // namespace culvert::trust

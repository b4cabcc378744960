// The clock of one store. The clock never goes back, even when the wall clock does.
//
// Age       seconds of CLOCK_BOOTTIME that the store has lived through. Within one boot the time
//           between two runs counts too; across boots only the time of the runs counts. Entries are
//           forgotten at an age, never at a wall time, so a wall clock that jumps ahead makes
//           nothing be forgotten early.
// Kept time the lowest time that is still believed. While the wall clock is behind the kept time
//           (by more than kClockStep), nothing new begins. Within one boot the kept time rises at
//           most as fast as CLOCK_BOOTTIME, so a wall clock that is ahead for a few seconds moves
//           the kept time by those few seconds only. After another boot the kept time takes the
//           wall time once both clocks have agreed within kAgreement for kAgreeFor. A new store
//           takes the wall time at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/core/strong.hpp"
#include "proto/core/time.hpp"

namespace culvert::trust {

// Identifies one boot of the machine (/proc/sys/kernel/random/boot_id). Zero: unknown, never equal
// to another run's boot.
using BootId = FixedBytes<struct BootIdRole, 16>;

constexpr std::chrono::seconds kClockStep{5};
constexpr std::chrono::seconds kAgreement{2};
constexpr std::chrono::seconds kAgreeFor{600};
// How often expired entries are forgotten, in seconds of the store's age.
constexpr std::uint64_t kPruneEvery = 60;

// Seconds of age: a separate type, so that an age and a wall time cannot be mixed up.
struct StoreAge {
  std::uint64_t seconds = 0;
  friend auto operator<=>(const StoreAge&, const StoreAge&) = default;
};

// The stored part of the clock.
struct StoredClock {
  WallTime kept;
  StoreAge age;
  BootId boot;
  std::uint64_t boot_seconds = 0;  // CLOCK_BOOTTIME when `age` was taken
  bool anchored = false;           // the kept time has taken this boot's wall time
  friend bool operator==(const StoredClock&, const StoredClock&) = default;
};

// The stored form: `<kept time> <age> <boot id> <CLOCK_BOOTTIME> <anchored>`.
std::string render(const StoredClock& clock);
std::optional<StoredClock> parse_stored_clock(std::string_view text);

class StoreClock {
 public:
  StoreClock(StoredClock stored, BootId boot) : stored_(stored), boot_(boot) {}

  void advance(Now now);
  const StoredClock& stored() const { return stored_; }

  // The time that decides whether something has ended: never earlier than the kept time.
  WallTime clock(Now now) const { return std::max(now.wall, stored_.kept); }
  bool went_back(Now now) const { return now.wall + kClockStep < stored_.kept; }
  // The age at which to forget an entry that matters until `end`, plus `margin`. Counted from the
  // earlier of wall clock and kept time, so that a clock that is ahead shortens nothing.
  StoreAge forget_at(Now now, WallTime end, std::chrono::seconds margin) const;
  void reset(WallTime now) { stored_.kept = now; }  // `culvert clock-reset`

 private:
  void rise(Now now, std::uint64_t elapsed);
  bool agree(Now now);

  StoredClock stored_;
  BootId boot_;
  bool begun_ = false;         // whether advance() was called in this run
  std::optional<Now> agreed_;  // since when both clocks have agreed
};

}  // namespace culvert::trust

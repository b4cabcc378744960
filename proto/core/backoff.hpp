// How long to wait between attempts to reach a server, so that a fleet does not come back at one
// instant.
//
//   a good connection was lost      one draw from [0, kSpread]: a restart of the server is seen by
//                                   all at the same time
//   an attempt failed               kFirst, doubling to kSteady; after kLongAbsence on to kMax;
//                                   each wait is drawn from [half, whole] of that value
//
// A connection that did not last kGood is a failed attempt: a server that takes everyone and drops
// everyone is not hammered.
#pragma once

#include <algorithm>

#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"

namespace culvert {

class Backoff {
 public:
  static constexpr Duration kSpread = std::chrono::seconds(1);
  static constexpr Duration kFirst = std::chrono::milliseconds(250);
  static constexpr Duration kSteady = std::chrono::seconds(4);  // back within 5 s of the server
  static constexpr Duration kMax = std::chrono::seconds(30);
  static constexpr Duration kLongAbsence = std::chrono::seconds(300);
  static constexpr Duration kGood = std::chrono::seconds(10);

  void begin(Instant now) { absent_since_ = now; }  // the first attempt; needs no wait
  void lost(Instant now, Duration lasted) {         // a connection that was usable has ended
    absent_since_ = now;
    if (lasted < kGood) return;
    whole_ = kFirst;
    good_ = true;
  }
  // The wait before the next attempt.
  Duration next(Instant now, Rng& rng) {
    if (good_) {
      good_ = false;
      return draw(Duration::zero(), kSpread, rng);
    }
    const auto whole = whole_;
    whole_ = std::min(whole * 2, now - absent_since_ >= kLongAbsence ? kMax : kSteady);
    return draw(whole / 2, whole, rng);
  }

 private:
  static Duration draw(Duration least, Duration most, Rng& rng) {
    const auto range = static_cast<std::uint64_t>((most - least).count()) + 1;
    return least + Duration(static_cast<std::int64_t>(rng.below(range)));
  }

  Instant absent_since_{};
  Duration whole_ = kFirst;
  bool good_ = false;
};

}  // namespace culvert

// How large a datagram a direct path carries (RFC 8899, DPLPMTUD). Padded Pings and their Pongs
// prove it. Sizes are those of UDP payloads, the same over IPv4 and IPv6.
//
//   nothing proven ── answered(s) ──► proven s
//   proven s ── answered(larger) ──► proven larger
//   proven s ── lost(s) kSizeTries times in a row ──► the largest size answered since the first of
//                                                     these losses, or nothing proven
#pragma once

#include <array>
#include <cstddef>

#include "proto/core/time.hpp"

namespace culvert::path {

// The largest size carries an inner packet of 1,420 bytes and WireGuard's 32 bytes. Each other size
// is 32 and a multiple of 16, as WireGuard pads: for paths of 1,440, 1,400 (IPv6: 1,392), 1,360,
// 1,300, 1,280 (IPv6's minimum) and 1,228 bytes. A path that does not carry kLeastSize is not used.
inline constexpr std::array<std::size_t, 7> kPathSizes = {1452, 1392, 1344, 1312, 1264, 1232, 1200};
inline constexpr std::size_t kFullSize = kPathSizes.front();
inline constexpr std::size_t kLeastSize = kPathSizes.back();
inline constexpr int kSizeTries = 3;             // RFC 8899 §5.1.2, MAX_PROBES
inline constexpr Duration kSizeInterval = 60s;   // between later searches for a larger size
inline constexpr Duration kSizePatience = 50ms;  // allowed delay of a Pong behind another Pong

class PathSize {
 public:
  std::size_t proven() const { return proven_; }  // 0: not even kLeastSize
  // The least size that a search tries; 0, all sizes, when the proven size is in doubt.
  std::size_t floor() const { return missed_ > 0 ? 0 : proven_; }
  // Whether a search may begin now: kSizeTries at most after a change, then one every
  // kSizeInterval.
  bool may_search(Instant now) const;
  void searching(Instant now);
  void answered(std::size_t size);
  // A Ping of `size` got no answer, although a later Ping did. True: the proven size is in doubt.
  bool lost(std::size_t size);

 private:
  std::size_t proven_ = 0;
  std::size_t below_ = 0;  // the largest smaller size answered since `proven_` was first lost
  int missed_ = 0;         // how often in a row `proven_` was lost
  int searches_ = 0;       // searches since the last change
  Instant searched_;       // begin of the last search
};

}  // namespace culvert::path

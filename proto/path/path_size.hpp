// How large a datagram a direct path carries (RFC 8899, DPLPMTUD), as padded Pings and their Pongs
// prove it. Sizes are of UDP payloads, the same over IPv4 and IPv6.
//
//   nothing proven ── answered(s) ──► proven s ── lost(s) kSizeTries times ──► what was answered
//                                        │                                     meanwhile, or
//                                        nothing └── answered(larger) ──► proven larger
#pragma once

#include <array>
#include <cstddef>

#include "proto/core/time.hpp"

namespace culvert::path {

// The largest carries an inner packet of 1,420 bytes in WireGuard's 32. The others are 32 and a
// multiple of 16, as WireGuard pads: for paths of 1,440, 1,400 (IPv6: 1,392), 1,360, 1,300, 1,280
// (IPv6's minimum) and 1,228 bytes. A path that does not carry the last one is not used.
inline constexpr std::array<std::size_t, 7> kPathSizes = {1452, 1392, 1344, 1312, 1264, 1232, 1200};
inline constexpr std::size_t kFullSize = kPathSizes.front();
inline constexpr std::size_t kLeastSize = kPathSizes.back();
inline constexpr int kSizeTries = 3;             // RFC 8899 §5.1.2, MAX_PROBES
inline constexpr Duration kSizeInterval = 60s;   // then: is it more by now?
inline constexpr Duration kSizePatience = 50ms;  // an answer may be later than others by this

class PathSize {
 public:
  std::size_t proven() const { return proven_; }  // 0: not even kLeastSize
  // A search is for this size and all above.
  std::size_t floor() const { return missed_ > 0 ? 0 : proven_; }
  // May a search begin now? At most kSizeTries after a change, then one every kSizeInterval.
  bool may_search(Instant now) const;
  void searching(Instant now);
  void answered(std::size_t size);
  // No answer came, though one to a later Ping did. True: what used to pass may pass no more.
  bool lost(std::size_t size);

 private:
  std::size_t proven_ = 0;
  std::size_t below_ = 0;  // the largest answered since `proven_` was lost first
  int missed_ = 0;         // times in a row that it was lost
  int searches_ = 0;       // since the last change
  Instant searched_;
};

}  // namespace culvert::path

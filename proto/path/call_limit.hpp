// How often CallMeMaybe is sent to, or taken from, one peer.
#pragma once

#include "proto/core/time.hpp"
#include "proto/path/prober_types.hpp"

namespace culvert::path {

// At most `burst` at once, then one every kMinCallInterval.
class CallLimit {
 public:
  explicit CallLimit(int burst) : slack_(kMinCallInterval * (burst - 1)) {}
  bool take(Instant now);
  Instant next() const { return full_ - slack_; }

 private:
  Duration slack_;
  Instant full_;
};

}  // namespace culvert::path

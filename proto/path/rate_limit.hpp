// How often something is sent to, or taken from, one peer.
#pragma once

#include "proto/core/time.hpp"

namespace culvert::path {

// At most `burst` at once, then one every `interval`.
class RateLimit {
 public:
  RateLimit(int burst, Duration interval) : interval_(interval), slack_(interval * (burst - 1)) {}
  bool take(Instant now);
  Instant next() const { return full_ - slack_; }

 private:
  Duration interval_;
  Duration slack_;
  Instant full_;
};

}  // namespace culvert::path

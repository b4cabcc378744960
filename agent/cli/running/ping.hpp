// `culvert ping` without I/O: which pings to send, and what to print about them.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "proto/core/result.hpp"

namespace culvert::cli {

constexpr int kMaxPings = 10;  // without --count
constexpr std::chrono::milliseconds kPingInterval{500};

class Pings {
 public:
  // `count` 0: until a direct path answers, kMaxPings at most; else exactly so many.
  explicit Pings(int count) : count_(count) {}

  bool more() const;
  void answered(bool direct);
  void unanswered() { ++sent_; }

  bool any() const { return answered_ > 0; }
  // The last line: why the path stays relayed, or how many pings were answered; nothing: no line.
  std::optional<std::string> summary(const std::string& target) const;

 private:
  int count_;
  int sent_ = 0;
  int answered_ = 0;
  bool direct_ = false;  // the last answer came by a direct path
};

}  // namespace culvert::cli

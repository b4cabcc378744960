// Calls `caught` from the loop when the process gets the signal `signum`.
#pragma once

#include <functional>
#include <memory>

#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

class SignalWatch {
 public:
  SignalWatch(Loop& loop, int signum, std::function<void()> caught);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

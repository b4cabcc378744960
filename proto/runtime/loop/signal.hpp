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

// A program that has begun to end calls this before its watches go: from then on SIGTERM, SIGINT
// and SIGHUP have no effect on the process. (A watch that goes leaves the default action behind,
// which would end the process in the middle of what it undoes.)
void hold_stop_signals();

}  // namespace culvert::runtime

// A thread that runs its own loop. Objects of that loop are made, used and destroyed on the thread,
// by run() or by posted tasks, and must be destroyed before the LoopThread.
#pragma once

#include <functional>
#include <thread>

#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

class LoopThread {
 public:
  LoopThread();
  ~LoopThread();  // ends the loop and waits for the thread
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  Loop& loop() { return loop_; }                // other threads may only call post()
  void run(const std::function<void()>& task);  // runs `task` on the thread and waits for its end

 private:
  Loop loop_;
  std::thread thread_;
};

}  // namespace culvert::runtime

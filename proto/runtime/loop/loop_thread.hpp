// A thread that runs a loop of its own. What lives on that loop is made, used and destroyed on the
// thread, by run() or by tasks that are posted, and is gone before the LoopThread.
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

  Loop& loop() { return loop_; }                // from other threads for post() alone
  void run(const std::function<void()>& task);  // on the thread; returns when it is done

 private:
  Loop loop_;
  std::thread thread_;
};

}  // namespace culvert::runtime

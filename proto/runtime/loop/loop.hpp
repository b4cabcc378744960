// The event loop: one thread, libuv inside. All objects of proto/runtime are created, used and
// destroyed on the loop's thread; only post() may be called from another thread. The loop must
// outlive every object that uses it, except objects that the loop itself keeps (keep()).
#pragma once

#include <functional>
#include <memory>

#include "proto/core/time.hpp"

struct uv_loop_s;

namespace culvert::runtime {

class Timer;

class Loop {
 public:
  Loop();
  ~Loop();  // drops the kept objects, then waits for closing handles
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();   // until stop()
  void stop();  // run() returns after this iteration
  // Runs until done() is true; done() is called after each iteration. False: `limit` passed first.
  bool run_until(const std::function<bool()>& done, Duration limit);

  Now now() const;  // CLOCK_BOOTTIME and CLOCK_REALTIME, read at each call

  void post(std::function<void()> task);   // any thread; tasks run on the loop's thread, in order
  void defer(std::function<void()> task);  // loop's thread; runs at the end of this iteration

  // Keeps an object alive until release() with the same pointer, or until the loop is destroyed.
  void keep(std::shared_ptr<void> object);
  void release(const void* object);  // deferred: safe inside the object's own callbacks

  uv_loop_s* raw();

 private:
  friend class Timer;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The wall and boot-time clocks, for programs without a loop (CLI commands).
Now read_clocks();

}  // namespace culvert::runtime

// Loop's inside, shared by loop.cpp and timer.cpp only.
#pragma once

#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "proto/runtime/loop/handle.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

struct Loop::Impl {
  using Tasks = std::vector<std::function<void()>>;

  uv_loop_t loop{};
  HandlePtr<uv_async_t> wake;       // post()
  HandlePtr<uv_prepare_t> prepare;  // sets the timerfd before each wait
  HandlePtr<uv_check_t> check;      // runs the deferred tasks
  HandlePtr<uv_idle_t> busy;        // active while tasks are deferred, so that the wait is short
  HandlePtr<uv_poll_t> timer_poll;
  int timer_fd = -1;

  std::multimap<Instant, Timer*> timers;
  Instant timer_set = Instant::never();
  Tasks deferred;
  std::unordered_map<const void*, std::shared_ptr<void>> kept;

  std::mutex mutex;
  Tasks posted;  // under mutex

  Impl();
  ~Impl();
  void run_posted();
  void run_deferred();
  void set_timer();
  void fire_timers();
};

}  // namespace culvert::runtime

// A value that some threads add to and one takes: whatever merges. Costs the reader one atomic load
// while there is nothing.
#pragma once

#include <atomic>
#include <utility>

#include "proto/core/mutex.hpp"

namespace culvert {

template <class T>
class Mailbox {
 public:
  // `add(T&)` under the lock; its result, if any, is handed back.
  template <class Add>
  auto put(Add add) {
    const MutexLock lock(mutex_);
    filled_.store(true, std::memory_order_release);
    return add(content_);
  }
  // False: there was nothing. Else `out` has all that was there, and the box is empty.
  bool take(T& out) {
    if (!filled_.load(std::memory_order_acquire)) return false;
    const MutexLock lock(mutex_);
    filled_.store(false, std::memory_order_relaxed);
    out = std::exchange(content_, T{});
    return true;
  }

 private:
  std::atomic<bool> filled_ = false;
  Mutex mutex_;
  T content_ CULVERT_GUARDED_BY(mutex_);
};

}  // namespace culvert

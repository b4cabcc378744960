// A value that some threads add to and one thread takes. Additions merge into the one value. While
// the mailbox is empty, take() costs one atomic load.
#pragma once

#include <atomic>
#include <utility>

#include "proto/core/mutex.hpp"

namespace culvert {

template <class T>
class Mailbox {
 public:
  // Calls `add(T&)` under the lock and returns its result, if any.
  template <class Add>
  auto put(Add add) {
    const MutexLock lock(mutex_);
    filled_.store(true, std::memory_order_release);
    return add(content_);
  }
  // True: `out` has the whole content, and the mailbox is empty. False: the mailbox was empty.
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

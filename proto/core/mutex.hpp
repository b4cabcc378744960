// std::mutex with the annotations of clang's -Wthread-safety, which libstdc++'s mutex lacks. A
// member that a mutex guards is declared CULVERT_GUARDED_BY(mutex); clang refuses to compile an
// access to the member without the lock.
#pragma once

#include <mutex>

#ifdef __clang__
#define CULVERT_THREAD_SAFETY(x) __attribute__((x))
#else
#define CULVERT_THREAD_SAFETY(x)
#endif
#define CULVERT_GUARDED_BY(mutex) CULVERT_THREAD_SAFETY(guarded_by(mutex))

namespace culvert {

class CULVERT_THREAD_SAFETY(capability("mutex")) Mutex {
 public:
  void lock() CULVERT_THREAD_SAFETY(acquire_capability()) { mutex_.lock(); }
  void unlock() CULVERT_THREAD_SAFETY(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class CULVERT_THREAD_SAFETY(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) CULVERT_THREAD_SAFETY(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() CULVERT_THREAD_SAFETY(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace culvert

#include "proto/runtime/loop/loop.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <ctime>
#include <stdexcept>
#include <string>

#include "proto/core/check.hpp"
#include "proto/runtime/loop/loop_impl.hpp"
#include "proto/runtime/loop/timer.hpp"

namespace culvert::runtime {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

timespec read_clock(clockid_t id) {
  timespec at{};
  clock_gettime(id, &at);
  return at;
}

// Throws when the system refuses a resource of the loop at start-up; run_main() prints the reason.
void require(bool made, const char* what) {
  if (!made) {
    throw std::runtime_error(std::string("cannot make the event loop: ") + what +
                             " (raise LimitNOFILE or ulimit -n)");
  }
}

}  // namespace

Now read_clocks() {
  const auto boot = read_clock(CLOCK_BOOTTIME);
  const auto wall = read_clock(CLOCK_REALTIME);
  return {Instant{boot.tv_sec * kSecond + boot.tv_nsec}, WallTime{wall.tv_sec}};
}

Loop::Impl::Impl() {
  timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  require(timer_fd >= 0, "no timer");
  require(uv_loop_init(&loop) == 0, "no epoll descriptor");
  wake = HandlePtr<uv_async_t>(new uv_async_t{});
  uv_async_init(&loop, wake.get(),
                [](uv_async_t* h) { static_cast<Impl*>(h->data)->run_posted(); });
  wake->data = this;
  prepare = make_handle(uv_prepare_init, &loop, this);
  uv_prepare_start(prepare.get(),
                   [](uv_prepare_t* h) { static_cast<Impl*>(h->data)->set_timer(); });
  check = make_handle(uv_check_init, &loop, this);
  uv_check_start(check.get(), [](uv_check_t* h) { static_cast<Impl*>(h->data)->run_deferred(); });
  busy = make_handle(uv_idle_init, &loop, this);
  timer_poll = HandlePtr<uv_poll_t>(new uv_poll_t{});
  uv_poll_init(&loop, timer_poll.get(), timer_fd);
  timer_poll->data = this;
  uv_poll_start(timer_poll.get(), UV_READABLE,
                [](uv_poll_t* h, int, int) { static_cast<Impl*>(h->data)->fire_timers(); });
}

Loop::Impl::~Impl() {
  // Destroying an object of one list may add to the other lists.
  while (!kept.empty() || !deferred.empty() || !posted.empty()) {
    std::exchange(kept, {}).clear();
    std::exchange(deferred, {}).clear();
    std::exchange(posted, {}).clear();
  }
  wake.reset();
  prepare.reset();
  check.reset();
  busy.reset();
  timer_poll.reset();
  uv_walk(
      &loop,
      [](uv_handle_t* handle, void*) {
        CULVERT_CHECK(uv_is_closing(handle) != 0 && "every handle goes before its loop");
      },
      nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  ::close(timer_fd);
  CULVERT_CHECK(uv_loop_close(&loop) == 0);
}

void Loop::Impl::run_posted() {
  Tasks tasks;
  {
    const std::lock_guard lock(mutex);
    tasks.swap(posted);
  }
  for (auto& task : tasks) std::exchange(task, nullptr)();
}

void Loop::Impl::run_deferred() {
  Tasks tasks = std::exchange(deferred, {});
  for (auto& task : tasks) std::exchange(task, nullptr)();
  if (deferred.empty()) uv_idle_stop(busy.get());
}

void Loop::Impl::set_timer() {
  const Instant first = timers.empty() ? Instant::never() : timers.begin()->first;
  if (first == timer_set) return;
  timer_set = first;
  itimerspec spec{};  // all zero disarms the timerfd
  if (first != Instant::never()) {
    const std::int64_t at = std::max<std::int64_t>(first.nanoseconds, 1);
    spec.it_value = {at / kSecond, at % kSecond};
  }
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Loop::Impl::fire_timers() {
  std::uint64_t expirations = 0;
  if (::read(timer_fd, &expirations, sizeof expirations) < 0) return;
  timer_set = Instant::never();
  const Instant now = read_clocks().steady;
  auto due = std::distance(timers.begin(), timers.upper_bound(now));
  for (; due > 0 && !timers.empty() && timers.begin()->first <= now; --due) {
    Timer* timer = timers.begin()->second;
    timers.erase(timers.begin());
    timer->due_ = Instant::never();
    const auto fired = timer->fired_;  // the callback may destroy the timer
    (*fired)();
  }
}

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

void Loop::run() { uv_run(&impl_->loop, UV_RUN_DEFAULT); }
void Loop::stop() { uv_stop(&impl_->loop); }

bool Loop::run_until(const std::function<bool()>& done, Duration limit) {
  bool passed = false;
  Timer timer(*this, [&] { passed = true; });
  timer.arm_in(limit);
  while (!done()) {
    if (passed) return false;
    uv_run(&impl_->loop, UV_RUN_ONCE);
  }
  return true;
}

Now Loop::now() const { return read_clocks(); }

void Loop::post(std::function<void()> task) {
  const std::lock_guard lock(impl_->mutex);
  impl_->posted.push_back(std::move(task));
  uv_async_send(impl_->wake.get());
}

void Loop::defer(std::function<void()> task) {
  impl_->deferred.push_back(std::move(task));
  uv_idle_start(impl_->busy.get(), [](uv_idle_t*) {});
}

void Loop::keep(std::shared_ptr<void> object) {
  const void* key = object.get();
  impl_->kept[key] = std::move(object);
}

void Loop::release(const void* object) {
  defer([this, object] {
    // extract() first, so that the map is consistent when the object's destructor runs.
    const auto node = impl_->kept.extract(object);
  });
}

uv_loop_s* Loop::raw() { return &impl_->loop; }

}  // namespace culvert::runtime

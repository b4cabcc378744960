#include "proto/runtime/loop/signal.hpp"

#include <array>
#include <csignal>

#include "proto/runtime/loop/handle.hpp"

namespace culvert::runtime {

struct SignalWatch::Impl {
  std::shared_ptr<std::function<void()>> caught;
  HandlePtr<uv_signal_t> handle;
};

SignalWatch::SignalWatch(Loop& loop, int signum, std::function<void()> caught)
    : impl_(std::make_unique<Impl>()) {
  impl_->caught = std::make_shared<std::function<void()>>(std::move(caught));
  impl_->handle = make_handle(uv_signal_init, loop.raw(), impl_.get());
  uv_signal_start(
      impl_->handle.get(),
      [](uv_signal_t* handle, int) {
        // A copy, since the callback may destroy the watch.
        const auto held = static_cast<Impl*>(handle->data)->caught;
        (*held)();
      },
      signum);
}

SignalWatch::~SignalWatch() = default;

void hold_stop_signals() {
  // libuv restores a signal's default action when the last handle for the signal stops. These
  // handles never stop, and nobody runs their loop.
  struct Holder {
    uv_loop_t loop{};
    std::array<uv_signal_t, 3> handles{};
  };
  static auto* const holder = [] {
    auto* made = new Holder;
    uv_loop_init(&made->loop);
    const std::array<int, 3> signals = {SIGTERM, SIGINT, SIGHUP};
    for (std::size_t i = 0; i < signals.size(); ++i) {
      uv_signal_init(&made->loop, &made->handles[i]);
      uv_signal_start(
          &made->handles[i], [](uv_signal_t*, int) {}, signals[i]);
    }
    return made;
  }();
  static_cast<void>(holder);
}

}  // namespace culvert::runtime

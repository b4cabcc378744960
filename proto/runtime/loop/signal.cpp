#include "proto/runtime/loop/signal.hpp"

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

}  // namespace culvert::runtime

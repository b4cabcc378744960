#include "proto/runtime/loop/loop_thread.hpp"

#include <future>

namespace culvert::runtime {

LoopThread::LoopThread() : thread_([this] { loop_.run(); }) {}

LoopThread::~LoopThread() {
  loop_.post([this] { loop_.stop(); });
  thread_.join();
}

void LoopThread::run(const std::function<void()>& task) {
  std::promise<void> done;
  loop_.post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace culvert::runtime

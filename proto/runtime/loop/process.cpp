#include "proto/runtime/loop/process.hpp"

#include <array>
#include <csignal>

#include "proto/runtime/loop/handle.hpp"
#include "proto/runtime/loop/startup.hpp"

namespace culvert::runtime {

struct Process::Impl {
  HandlePtr<uv_process_t> handle;
  Done done;
  bool running = false;

  void ended(Result<int> how) {
    running = false;
    if (const auto call = std::exchange(done, nullptr)) call(std::move(how));
  }
};

Process::Process(Loop& loop, const std::vector<std::string>& words, Done done)
    : impl_(std::make_shared<Impl>()) {
  impl_->done = std::move(done);
  impl_->handle = HandlePtr<uv_process_t>(new uv_process_t{});
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::array<uv_stdio_container_t, 3> streams{};
  for (auto& stream : streams) stream.flags = UV_IGNORE;
  uv_process_options_t options{};
  options.file = words.front().c_str();
  options.args = arguments.data();
  options.stdio_count = static_cast<int>(streams.size());
  options.stdio = streams.data();
  options.exit_cb = [](uv_process_t* raw, std::int64_t status, int signal) {
    if (raw->data == nullptr) return;
    static_cast<Impl*>(raw->data)->ended(signal != 0 ? 128 + signal : static_cast<int>(status));
  };
  const int status = uv_spawn(loop.raw(), impl_->handle.get(), &options);
  impl_->handle->data = impl_.get();
  impl_->running = status == 0;
  if (status == 0) {
    restore_descriptor_limit(uv_process_get_pid(impl_->handle.get()));
    return;
  }
  loop.defer([impl = impl_, why = words.front() + ": " + uv_strerror(status)] {
    impl->ended(fail(ErrorCode::kNotFound, why));
  });
}

Process::~Process() {
  impl_->done = nullptr;
  if (impl_->running) uv_process_kill(impl_->handle.get(), SIGKILL);
}

}  // namespace culvert::runtime

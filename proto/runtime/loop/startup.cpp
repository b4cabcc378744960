#include "proto/runtime/loop/startup.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include <cstdlib>
#include <exception>
#include <future>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace culvert::runtime {
namespace {

constexpr std::size_t kLookupThreads = 4;  // libuv's default number of threads
constexpr const char* kNoMemory = "out of memory (raise MemoryMax, ulimit -v or the machine's)";
constexpr const char* kNoThread = "no room for a further thread (raise TasksMax or ulimit -u)";

const char* program_name = "culvert";  // set once, before there are threads
std::optional<rlimit> limit_at_start;  // set once, before there are threads

// Allocates no memory: there may be none left.
void print_line(std::string_view why) {
  pollfd reader{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&reader, 1, 0) != 1) return;  // does not wait for a reader that is stuck
  for (const std::string_view part :
       {std::string_view(program_name), std::string_view(": "), why, std::string_view("\n")}) {
    if (::write(STDERR_FILENO, part.data(), part.size()) < 0) return;
  }
}

[[noreturn]] void end_without_memory() {
  print_line(kNoMemory);
  ::_exit(EXIT_FAILURE);
}

// Prints the present exception in words.
void print_exception() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    print_line(kNoMemory);
  } catch (const std::system_error& error) {
    const bool no_thread = error.code() == std::errc::resource_unavailable_try_again;
    print_line(no_thread ? kNoThread : error.what());
  } catch (const std::exception& error) {
    print_line(error.what());
  }
}

// The terminate handler: an exception that no code catches ends the program with one line. Without
// an exception the program broke a rule of the language, and aborts.
[[noreturn]] void end_terminated() {
  if (!std::current_exception()) std::abort();
  print_exception();
  ::_exit(EXIT_FAILURE);
}

}  // namespace

int run_main(const char* program, const std::function<int()>& body) {
  program_name = program;
  std::set_new_handler(end_without_memory);
  std::set_terminate(end_terminated);
  try {
    return body();
  } catch (const std::exception&) {
    print_exception();
    return EXIT_FAILURE;
  }
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (!limit_at_start) limit_at_start = limit;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return static_cast<std::size_t>(limit.rlim_cur);
}

void restore_descriptor_limit(int child) {
  if (limit_at_start) ::prlimit(child, RLIMIT_NOFILE, &*limit_at_start, nullptr);
}

Status make_lookup_threads(Loop& loop) {
  std::promise<void> tried;
  const auto until = tried.get_future().share();
  std::vector<std::thread> threads;
  Status room;
  try {
    for (std::size_t i = 0; i < kLookupThreads; ++i) {
      threads.emplace_back([until] { until.wait(); });
    }
  } catch (const std::system_error&) {
    room = fail(ErrorCode::kExhausted, kNoThread);
  }
  tried.set_value();
  for (auto& thread : threads) thread.join();
  if (!room) return room;
  auto* work = new uv_work_t{};
  const int queued = uv_queue_work(
      loop.raw(), work, [](uv_work_t*) {}, [](uv_work_t* done, int) { delete done; });
  if (queued != 0) delete work;
  return {};
}

}  // namespace culvert::runtime

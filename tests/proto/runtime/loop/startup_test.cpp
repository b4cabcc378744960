// How a program ends when the system has no resources left, and the limit of open files.
#include "proto/runtime/loop/startup.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>
#include <system_error>
#include <thread>

#include "proto/runtime/loop/process.hpp"
#include "proto/runtime/loop/signal.hpp"

using namespace culvert;
using namespace culvert::runtime;

namespace {

struct Ended {
  int status = 0;
  std::string said;
};

// Runs run_main(body) in a child process.
Ended run_as_program(const std::function<int()>& body) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::_exit(run_main("program", body));
  }
  ::close(ends[1]);
  Ended out;
  std::array<char, 512> chunk{};
  for (;;) {
    const auto got = ::read(ends[0], chunk.data(), chunk.size());
    if (got <= 0) break;
    out.said.append(chunk.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  ::waitpid(child, &out.status, 0);
  return out;
}

[[noreturn]] void no_thread() {
  throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
}

}  // namespace

TEST_CASE("run_main: exceptions are one line and exit code 1", "[runtime][startup]") {
  CHECK(run_as_program([] { return 7; }).status == 7 << 8);
  const auto thread = run_as_program([]() -> int { no_thread(); });
  CHECK(thread.status == 1 << 8);
  CHECK(thread.said == "program: no room for a further thread (raise TasksMax or ulimit -u)\n");
  const auto memory = run_as_program([]() -> int { throw std::bad_alloc(); });
  CHECK(memory.status == 1 << 8);
  CHECK(memory.said.starts_with("program: out of memory"));
  const auto other = run_as_program([]() -> int { throw std::runtime_error("no timer"); });
  CHECK(other.said == "program: no timer\n");
}

TEST_CASE("run_main: in another thread and without a handler as well", "[runtime][startup][fork]") {
  const auto ended = run_as_program([] {
    std::thread([] { no_thread(); }).join();
    return 0;
  });
  CHECK(ended.status == 1 << 8);
  CHECK(ended.said == "program: no room for a further thread (raise TasksMax or ulimit -u)\n");
  const auto memory = run_as_program([] {
    std::get_new_handler()();  // as operator new does
    return 0;
  });
  CHECK(memory.status == 1 << 8);
  CHECK(memory.said.starts_with("program: out of memory"));
}

TEST_CASE("the limit of open files is raised here, not for child programs",
          "[runtime][startup][fork]") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 300;
  const auto ended = run_as_program([&] {
    if (::setrlimit(RLIMIT_NOFILE, &low) != 0) return 2;
    if (raise_descriptor_limit() != before.rlim_max) return 3;
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    if (now.rlim_cur != before.rlim_max) return 4;
    Loop loop;
    std::optional<int> code;
    // The limit is set just after the child has begun, so the child loops until it sees the limit.
    const Process child(loop, {"sh", "-c", "until [ $(ulimit -Sn) = 300 ]; do :; done"},
                        [&](Result<int> how) { code = how.value_or(9); });
    loop.run_until([&] { return code.has_value(); }, 20s);
    return code.value_or(5);
  });
  CHECK(ended.status == 0);
}

TEST_CASE("the threads for looking names up are made at once", "[runtime][startup]") {
  Loop loop;
  CHECK(make_lookup_threads(loop));
  CHECK(make_lookup_threads(loop));
}

TEST_CASE("a program that ends is not ended by further signals", "[runtime][startup][fork]") {
  for (const int signum : {SIGTERM, SIGINT, SIGHUP}) {
    const auto ended = run_as_program([signum] {
      hold_stop_signals();
      ::kill(::getpid(), signum);
      return 7;
    });
    CHECK(ended.status == 7 << 8);
  }
}

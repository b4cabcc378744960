#include "agent/wireguard/program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "agent/wireguard/tunnel.hpp"
#include "proto/cli/exit_codes.hpp"
#include "proto/crypto/aead_backend.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/loop/signal.hpp"

namespace culvert::agent {
namespace {

namespace log = runtime::log;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

void set_log_level() {
  const auto level = environment("LOG_LEVEL");
  if (level == "verbose" || level == "debug") {
    log::set_level(log::Level::kDebug);
  } else if (level == "silent") {
    log::set_level(log::Level::kOff);
  } else {
    log::set_level(log::Level::kError);
  }
}

// Adds to an error the name of the variable or option that caused it.
Error about(const std::string& name, Error error) {
  error.message = name + ": " + error.message;
  return error;
}

Result<std::size_t> parse_lanes(std::string_view text) {
  std::size_t count = 1;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, count);
  if (text.empty()) return count;
  if (read.ec == std::errc() && read.ptr == end && count >= 1 && count <= Tunnel::kMaxLanes) {
    return count;
  }
  return fail(ErrorCode::kInvalid, "a number from 1 to " + std::to_string(Tunnel::kMaxLanes));
}

Result<TunnelOptions> read_options(const WireguardOptions& options) {
  if (const auto chosen = runtime::choose_aead(environment("CULVERT_AEAD")); !chosen) {
    return fail_with(about("CULVERT_AEAD", chosen.error()));
  }
  auto offloads = runtime::Offloads::parse(environment("CULVERT_OFFLOAD"));
  if (!offloads) return fail_with(about("CULVERT_OFFLOAD", offloads.error()));
  const bool asked = !options.lanes.empty();
  auto lanes = parse_lanes(asked ? options.lanes : environment("CULVERT_LANES"));
  if (!lanes) {
    return fail_with(about(asked ? "--lanes" : "CULVERT_LANES", lanes.error()));
  }
  return TunnelOptions{options.interface, *offloads, *lanes};
}

// Reports once whether the start succeeded: to the parent process that waits, or on standard error.
using Report = std::function<void(const Status&)>;

int serve(const WireguardOptions& wanted, const Report& report) {
  set_log_level();
  const auto options = read_options(wanted);
  if (!options) {
    report(fail_with(options.error()));
    return cli::kExitFailed;
  }
  const auto& interface = options->interface;
  crypto::SystemRng rng;
  runtime::Loop loop;
  auto tunnel = Tunnel::open(loop, rng, *options, [&](const std::string& why) {
    log::debug("ends", {{"interface", interface}, {"why", why}});
    loop.stop();
  });
  if (!tunnel) {
    report(fail_with(tunnel.error()));
    return cli::kExitFailed;
  }
  const runtime::SignalWatch interrupted(loop, SIGINT, [&loop] { loop.stop(); });
  const runtime::SignalWatch terminated(loop, SIGTERM, [&loop] { loop.stop(); });
  log::debug("ready", {{"interface", (*tunnel)->name()}, {"aead", crypto::aead_in_use().name}});
  report({});
  loop.run();
  return cli::kExitOk;
}

int failed(std::string_view why) {
  std::fprintf(stderr, "culvert: %.*s\n", static_cast<int>(why.size()), why.data());
  return cli::kExitFailed;
}

// Closes standard input and output. Standard error stays open if LOG_LEVEL asks for a log.
void leave_terminal() {
  ::setsid();
  if (::chdir("/") != 0) return;  // "/" always exists
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere < 0) return;
  ::dup2(nowhere, STDIN_FILENO);
  ::dup2(nowhere, STDOUT_FILENO);
  const auto level = environment("LOG_LEVEL");
  if (level.empty() || level == "silent") ::dup2(nowhere, STDERR_FILENO);
  ::close(nowhere);
}

// The byte that the child writes to the pipe after its start. Otherwise it writes the reason why it
// cannot run.
constexpr char kStarted = '\0';

int wait_for_start(int pipe) {
  std::string said;
  std::array<char, 512> chunk{};
  for (;;) {
    const auto size = ::read(pipe, chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    said.append(chunk.data(), static_cast<std::size_t>(size));
  }
  ::close(pipe);
  if (said.size() == 1 && said.front() == kStarted) return cli::kExitOk;
  return failed(said.empty() ? "it ended while it started" : said);
}

}  // namespace

int run_wireguard(const WireguardOptions& options) {
  if (options.foreground || environment("WG_PROCESS_FOREGROUND") == "1") {
    return serve(options, [](const Status& started) {
      if (!started) failed(started.error().message);
    });
  }
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return failed("cannot make a pipe");
  const auto child = ::fork();
  if (child < 0) return failed("cannot start another process");
  if (child > 0) {
    ::close(pipe[1]);
    return wait_for_start(pipe[0]);
  }
  ::close(pipe[0]);
  leave_terminal();
  return serve(options, [end = pipe[1]](const Status& started) {
    const std::string said = started ? std::string(1, kStarted) : started.error().message;
    if (::write(end, said.data(), said.size()) < 0) return;  // the parent has ended
    ::close(end);
  });
}

}  // namespace culvert::agent

// `culvert run -- COMMAND`: runs a command whose environment names the agent's proxy and a file
// with the certificate authorities of the services in reach. The system's trust store is unchanged.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/cli/running/call.hpp"
#include "agent/cli/running/commands.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "proto/runtime/disk/files.hpp"

namespace culvert::cli {
namespace {

constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

// Variables by which common tools find certificate authorities and proxies.
constexpr std::array kAuthorityVariables = {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
                                            "NODE_EXTRA_CA_CERTS"};
constexpr std::array kConnectVariables = {"https_proxy", "HTTPS_PROXY"};
constexpr std::array kSocksVariables = {"http_proxy", "all_proxy", "ALL_PROXY"};

// Removes the bundle when the command has ended.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Status write_authorities(const std::string& path, const std::string& mesh) {
  std::string pem;
  if (const auto system = runtime::read_file_if_there(kSystemAuthorities); system && *system) {
    pem = std::string(text(**system));
  }
  return runtime::write_file_atomic(path, view(pem + mesh), 0600);
}

void set_environment(const std::string& proxy, const std::string& authorities) {
  for (const char* name : kAuthorityVariables) setenv(name, authorities.c_str(), 1);
  for (const char* name : kConnectVariables) setenv(name, ("http://" + proxy).c_str(), 1);
  for (const char* name : kSocksVariables) setenv(name, ("socks5h://" + proxy).c_str(), 1);
  unsetenv("no_proxy");
  unsetenv("NO_PROXY");
}

volatile std::sig_atomic_t running_child = 0;

void pass_on(int signal) {
  if (running_child > 0) ::kill(static_cast<pid_t>(running_child), signal);
}

// The terminal itself sends SIGINT to the command. This program passes other signals on, and waits
// until the command ends.
void pass_signals_on() {
  std::signal(SIGINT, SIG_IGN);
  struct sigaction action {};
  action.sa_handler = pass_on;
  for (const int signal : {SIGTERM, SIGHUP, SIGQUIT}) ::sigaction(signal, &action, nullptr);
}

Result<int> spawn_and_wait(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGINT);
  sigaddset(&defaults, SIGPIPE);
  sigset_t held, before;
  sigemptyset(&held);
  for (const int signal : {SIGTERM, SIGHUP, SIGQUIT}) {
    sigaddset(&held, signal);
    sigaddset(&defaults, signal);
  }
  sigprocmask(SIG_BLOCK, &held, &before);  // a signal now waits until there is a child
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &before);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  pass_signals_on();
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments.front(), nullptr, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) running_child = child;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) {
    return fail(ErrorCode::kNotFound, words.front() + ": " + std::strerror(error));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Prints which names the proxy has refused, since the command itself sees only that the proxy
// refused. The proxy refuses ungranted and non-existent names alike.
void say_refusals(const Common& common, std::uint64_t before) {
  const auto answer = call(common, "proxy-refusals", {{"after", before}});
  if (!answer) return;
  std::set<std::string> names;
  for (const auto& name : rows_of(*answer, "names")) {
    if (name.is_string()) names.insert(printable(name.get<std::string>()));
  }
  for (const auto& name : names) {
    hint("culvert: no grant covers " + name + "; culvert request " + name +
         " --reason WHY asks for one");
  }
}

}  // namespace

int agent_run(const Common& common, const RunCommand& command) {
  if (command.words.empty()) {
    return finish(common, fail(ErrorCode::kInvalid,
                               "nothing to run; next: culvert run -- COMMAND, such as culvert run "
                               "-- curl https://NAME/"));
  }
  const auto proxy = call(common, "proxy-info");
  if (!proxy) return finish_call(common, Status(fail_with(proxy.error())));
  const auto ca = call(common, "ca");
  if (!ca) return finish_call(common, Status(fail_with(ca.error())));
  const TemporaryFile authorities(common.state + "/run-" + std::to_string(getpid()) + ".pem");
  if (auto written = write_authorities(authorities.path(), ca->value("pem", "")); !written) {
    return finish(common, written);
  }
  set_environment(proxy->value("address", ""), authorities.path());
  const auto before = call(common, "proxy-refusals");
  const auto code = spawn_and_wait(command.words);
  if (before) say_refusals(common, before->value("last", 0ULL));
  return code ? *code : finish(common, fail_with(code.error()));
}

}  // namespace culvert::cli

// The agent's shell: moves bytes between libuv and agent::Core, and owns what the core may not
// touch: sockets, files, the stack, the terminator, the local API and the proxy.
#pragma once

#include <optional>
#include <string>

namespace culvert::agent {

struct DaemonOptions {
  std::string state_directory;            // made 0700 if absent
  std::string config_file;                // empty: none
  std::optional<std::string> token_file;  // "-": standard input; else CULVERT_TOKEN if set
  std::optional<std::string> root_hash;   // sha256:…; the customer's pin, for site agents
  std::optional<std::string> name;        // of the node; host name otherwise
  std::optional<std::string> documents;   // folder of documents, instead of the configuration's
  bool tun = false;                       // TUN mode, also without "tun" in the configuration
  bool no_dns = false;                    // TUN mode leaves the machine's resolver alone
  std::optional<std::string> owner;       // user whom a laptop's TUN mode and proxies serve
};

// `culvert up`: runs in the foreground until SIGINT, SIGTERM or `culvert down`. Prints one ready
// line, or one line that says what is wrong and what to do. Returns the process's exit code.
int run_daemon(const DaemonOptions& options);

}  // namespace culvert::agent

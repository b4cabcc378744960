// The agent's program: owns what the pure agent::Core may not use: sockets, files, the stack, the
// terminator, the local API and the proxy.
#pragma once

#include <optional>
#include <string>

namespace culvert::agent {

struct DaemonOptions {
  std::string state_directory;            // made with mode 0700 if it is missing
  std::string config_file;                // empty: no file
  std::optional<std::string> token_file;  // "-": standard input; nothing: CULVERT_TOKEN if set
  std::optional<std::string> root_hash;   // sha256:…; the customer's pin, for site agents
  std::optional<std::string> name;        // name of the node; nothing: the host's name
  std::optional<std::string> documents;   // folder of documents, instead of the configuration's
  bool tun = false;                       // TUN mode, also without "tun" in the configuration
  bool no_dns = false;                    // TUN mode does not change the machine's resolver
  std::optional<std::string> owner;       // the user that a laptop's TUN mode and proxies serve
};

// `culvert up`: runs in the foreground until SIGINT, SIGTERM or `culvert down`. Prints one ready
// line, or one line that says what is wrong and what to do. Returns the process's exit code.
int run_daemon(const DaemonOptions& options);

}  // namespace culvert::agent

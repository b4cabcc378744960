// resolv.conf(5) as text: the servers that it names, and the same text with our stub instead. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proto/core/endpoint.hpp"

namespace culvert::dns {

inline constexpr std::string_view kStubAddress = "127.0.0.153";
inline constexpr std::uint16_t kDnsPort = 53;
inline constexpr std::size_t kMaxServers = 3;  // the C library ignores further servers

struct ResolvConf {
  std::vector<Endpoint> servers;  // in order, without our stub and addresses with a zone (%)
  bool names_stub = false;        // names our stub: written by an agent that runs or has crashed
  bool names_resolved = false;    // systemd-resolved's own stub is the first server
  std::string with_stub;          // the text with our stub instead of all servers

  static ResolvConf read(std::string_view text);
};

// Whether the text `current` may be replaced by `before`. kOurs, which means yes: it is `ours`, or
// the beginning of either text, after a crash while writing. kForeign: somebody changed it later.
enum class Found { kUntouched, kOurs, kForeign };
Found compare(std::string_view current, std::string_view before, std::string_view ours);

}  // namespace culvert::dns

// resolv.conf(5) as text: which servers it names, and the same text with ours in their place. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proto/core/endpoint.hpp"

namespace culvert::dns {

inline constexpr std::string_view kStubAddress = "127.0.0.153";
inline constexpr std::uint16_t kDnsPort = 53;
inline constexpr std::size_t kMaxServers = 3;  // the C library reads no more

struct ResolvConf {
  std::vector<Endpoint> servers;  // in their order; ours and those with a zone (%) left out
  bool names_stub = false;        // it is the text of an agent that runs, or that crashed
  bool names_resolved = false;    // systemd-resolved's own stub is the first server
  std::string with_stub;          // the text with our server instead of all others

  static ResolvConf read(std::string_view text);
};

// May `current` be put back to `before`? Yes if it is what we wrote, or the beginning of either (a
// crash while writing); anything else is somebody's later change.
enum class Found { kUntouched, kOurs, kForeign };
Found compare(std::string_view current, std::string_view before, std::string_view ours);

}  // namespace culvert::dns

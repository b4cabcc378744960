// Which names are the mesh's, and what is said of them: the address of what is granted, NXDOMAIN
// for everything else under the sites' names, whether it exists or not. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dns/message.hpp"

namespace culvert::dns {

// Reverse look-ups of fd63:756c:7665::/48 (RFC 3596 §2.5): they would tell others who talks to
// whom.
inline constexpr std::string_view kReverseZone = "5.6.6.7.c.6.5.7.3.6.d.f.ip6.arpa";

struct Names {
  std::vector<std::string> suffixes;  // sites' names, lower case, without the last dot
  // Where a name leads that may be used now; unset: none may.
  std::function<std::optional<IpAddress>(const std::string&)> granted;

  // Never leaves this machine: names under the sites', also with a search domain behind them, as
  // programs try them after an NXDOMAIN (resolv.conf(5), search).
  bool ours(std::string_view name) const;
};

struct Outcome {
  std::optional<Bytes> reply;  // to be sent back; neither this nor `forward`: nothing is
  std::optional<Query> forward;
};
Outcome handle(ByteView message, const Names& names);

}  // namespace culvert::dns

// Which names belong to the mesh, and their answers: the address of a granted service, NXDOMAIN for
// every other name under a site's name, whether it exists or not. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dns/message.hpp"

namespace culvert::dns {

// The zone of reverse look-ups of fd63:756c:7665::/48 (RFC 3596 §2.5). They must not leave the
// machine, since they would tell outsiders who communicates with whom.
inline constexpr std::string_view kReverseZone = "5.6.6.7.c.6.5.7.3.6.d.f.ip6.arpa";

struct Names {
  std::vector<std::string> suffixes;  // sites' names, lower case, without the last dot
  // The address of a name that may be used now. An empty function: no name may be used.
  std::function<std::optional<IpAddress>(const std::string&)> granted;

  // True: the name must never leave this machine. These are names under a site's name, also with a
  // search domain appended, as programs try after an NXDOMAIN (resolv.conf(5), search).
  bool ours(std::string_view name) const;
};

struct Outcome {
  std::optional<Bytes> reply;    // send this answer back
  std::optional<Query> forward;  // send the question to a server; with neither, do nothing
};
Outcome handle(ByteView message, const Names& names);

}  // namespace culvert::dns

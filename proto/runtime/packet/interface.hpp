// Sets a network interface's link, addresses, routes and policy rules by rtnetlink (rtnetlink(7)),
// IPv6 only. Each call sends one request and waits for the kernel's answer. No state is kept.
//
// Errors, whose text names the action:
//   kDenied     not root, no CAP_NET_ADMIN, or IPv6 is off
//   kNotFound   no such interface, or the thing to remove is not there
//   kConflict   the thing to add is there already
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "proto/core/prefix.hpp"
#include "proto/core/result.hpp"

namespace culvert::runtime {

inline constexpr std::uint32_t kMainTable = 254;  // RT_TABLE_MAIN

// Sets the link up, without the link-local address and the router solicitations that IPv6 would
// otherwise begin with.
Status bring_link_up(const std::string& interface);

// Adds an address without duplicate address detection and without a prefix route: for
// point-to-point devices.
Status add_address(const std::string& interface, const Prefix& address);
Status remove_address(const std::string& interface, const Prefix& address);

// `source`: the source address of packets along the route whose sender has chosen none.
struct Route {
  std::string interface;
  Prefix to;
  std::uint32_t table = kMainTable;
  std::optional<IpAddress> source;
  bool local = false;  // true: addresses in `to` are this machine's own
};
Status add_route(const Route& route);

// One line of `ip -6 rule`: packets that match look into `table`; the lowest priority is first.
struct Rule {
  enum class Action { kLookup, kUnreachable, kProhibit };

  std::uint32_t priority = 0;
  Prefix to;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> users;  // first and last uid
  std::string from;  // the packets' input interface; "lo": sent by this machine; "": any
  Action action = Action::kLookup;
  std::uint32_t table = 0;  // for kLookup
};
Status add_rule(const Rule& rule);
Status remove_rule(const Rule& rule);  // one rule, where several are equal

// Addresses of interfaces that are up, loopback included, link-local IPv6 excluded.
std::vector<IpAddress> interface_addresses();

}  // namespace culvert::runtime

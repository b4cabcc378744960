// A network interface's link, addresses, routes and policy rules by rtnetlink (rtnetlink(7)), IPv6
// only. Each call is one request that the kernel has answered when it returns; nothing is kept.
//
// Errors: kDenied (not root, no CAP_NET_ADMIN, or IPv6 is off), kNotFound (no such interface, or
// what should be removed is not there), kConflict (is there already). The text names what was done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "proto/core/prefix.hpp"
#include "proto/core/result.hpp"

namespace culvert::runtime {

inline constexpr std::uint32_t kMainTable = 254;  // RT_TABLE_MAIN

// Up, without the link-local address and the router solicitations that IPv6 would begin with.
Status bring_link_up(const std::string& interface);

// No duplicate address detection and no route of its own: for point-to-point devices.
Status add_address(const std::string& interface, const Prefix& address);
Status remove_address(const std::string& interface, const Prefix& address);

// `source`: the address that packets along it leave with, where their sender has chosen none.
struct Route {
  std::string interface;
  Prefix to;
  std::uint32_t table = kMainTable;
  std::optional<IpAddress> source;
  bool local = false;  // such addresses are this machine's own
};
Status add_route(const Route& route);
Status remove_route(const Route& route);

// One line of `ip -6 rule`: which packets look into which table; the lowest priority comes first.
struct Rule {
  enum class Action { kLookup, kUnreachable, kProhibit };

  std::uint32_t priority = 0;
  Prefix to;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> users;  // first and last uid
  std::string from;  // the interface by which they came; "lo": made on this machine; "": any
  Action action = Action::kLookup;
  std::uint32_t table = 0;  // of kLookup
};
Status add_rule(const Rule& rule);
Status remove_rule(const Rule& rule);  // one of them, where several are alike

// Addresses of interfaces that are up; link-local IPv6 left out, loopback included.
std::vector<IpAddress> interface_addresses();

}  // namespace culvert::runtime

#include "proto/runtime/packet/interface.hpp"

#include <ifaddrs.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "proto/core/bytes.hpp"
#include "proto/runtime/loop/sockaddr.hpp"

namespace culvert::runtime {
namespace {

constexpr std::size_t kAnswerSize = 8192;

// Builds a request: header, the family's struct, attributes; each part padded to four bytes.
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header.nlmsg_seq = 1;
    add(header);
  }

  template <class T>
  Message& add(const T& plain) {
    return raw(&plain, sizeof plain);
  }
  Message& attribute(std::uint16_t type, ByteView value) {
    const rtattr head{static_cast<std::uint16_t>(sizeof(rtattr) + value.size()), type};
    add(head);
    return raw(value.data(), value.size());
  }
  template <class T>
  Message& number(std::uint16_t type, T value) {
    return attribute(type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  // Adds one attribute that contains the attributes which `fill` adds.
  template <class Fill>
  Message& nest(std::uint16_t type, const Fill& fill) {
    const std::size_t at = bytes_.size();
    add(rtattr{sizeof(rtattr), type});
    fill(*this);
    store_le(bytes_.data() + at, static_cast<std::uint16_t>(bytes_.size() - at));
    return *this;
  }
  ByteView finish() {
    store_le(bytes_.data(), static_cast<std::uint32_t>(bytes_.size()));
    return bytes_;
  }

 private:
  Message& raw(const void* from, std::size_t size) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + NLMSG_ALIGN(size));
    if (size > 0) std::memcpy(bytes_.data() + at, from, size);
    return *this;
  }

  Bytes bytes_;
};

// Sends one request. Returns 0, or the errno of the kernel's answer.
int exchange(ByteView request) {
  const int descriptor = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (descriptor < 0) return errno;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  alignas(nlmsghdr) std::array<char, kAnswerSize> answer{};
  int error = EPROTO;
  if (::sendto(descriptor, request.data(), request.size(), 0,
               reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    error = errno;
  } else {
    const ssize_t size = ::recv(descriptor, answer.data(), answer.size(), 0);
    nlmsghdr header{};
    nlmsgerr said{};
    if (size < 0) {
      error = errno;
    } else if (static_cast<std::size_t>(size) >= NLMSG_LENGTH(sizeof said)) {
      std::memcpy(&header, answer.data(), sizeof header);
      std::memcpy(&said, answer.data() + NLMSG_HDRLEN, sizeof said);
      if (header.nlmsg_type == NLMSG_ERROR) error = -said.error;
    }
  }
  ::close(descriptor);
  return error;
}

Status send(Message& message, const std::string& doing) {
  const int error = exchange(message.finish());
  const std::string what = "cannot " + doing + ": ";
  switch (error) {
    case 0:
      return {};
    case EPERM:
      return fail(ErrorCode::kDenied, what + "it needs root or the capability CAP_NET_ADMIN");
    case EACCES:  // how the kernel says that disable_ipv6 is set
      return fail(ErrorCode::kDenied,
                  what + "IPv6 is off (set sysctl net.ipv6.conf.all.disable_ipv6 to 0)");
    case EAFNOSUPPORT:
    case EOPNOTSUPP:
      return fail(ErrorCode::kUnavailable,
                  what + "this kernel has no IPv6, or not this part of it");
    case EEXIST:
      return fail(ErrorCode::kConflict, what + "it is there already");
    case ENODEV:
    case ENOENT:
    case ESRCH:
    case EADDRNOTAVAIL:
      return fail(ErrorCode::kNotFound, what + "there is none");
    default:
      return fail(ErrorCode::kUnavailable, what + std::strerror(error));
  }
}

// The interface's index. Zero for an unknown interface: the kernel then answers ENODEV.
std::uint32_t index_of(const std::string& interface) { return if_nametoindex(interface.c_str()); }

Message address_message(std::uint16_t type, std::uint16_t flags, const std::string& interface,
                        const Prefix& address) {
  ifaddrmsg head{};
  head.ifa_family = AF_INET6;
  head.ifa_prefixlen = address.length;
  head.ifa_index = index_of(interface);
  Message message(type, flags);
  message.add(head).attribute(IFA_LOCAL, address.address.bytes);
  message.attribute(IFA_ADDRESS, address.address.bytes);
  return message;
}

Message route_message(std::uint16_t type, std::uint16_t flags, const Route& route) {
  rtmsg head{};
  head.rtm_family = AF_INET6;
  head.rtm_dst_len = route.to.length;
  head.rtm_protocol = RTPROT_STATIC;
  head.rtm_scope = RT_SCOPE_UNIVERSE;
  head.rtm_type = route.local ? RTN_LOCAL : RTN_UNICAST;
  Message message(type, flags);
  message.add(head).attribute(RTA_DST, route.to.address.bytes);
  message.number(RTA_OIF, index_of(route.interface)).number(RTA_TABLE, route.table);
  if (route.source) message.attribute(RTA_PREFSRC, route.source->bytes);
  return message;
}

Message rule_message(std::uint16_t type, std::uint16_t flags, const Rule& rule) {
  fib_rule_hdr head{};
  head.family = AF_INET6;
  head.dst_len = rule.to.length;
  head.action = FR_ACT_TO_TBL;
  if (rule.action == Rule::Action::kUnreachable) head.action = FR_ACT_UNREACHABLE;
  if (rule.action == Rule::Action::kProhibit) head.action = FR_ACT_PROHIBIT;
  Message message(type, flags);
  message.add(head).number(FRA_PRIORITY, rule.priority);
  message.attribute(FRA_DST, rule.to.address.bytes);
  if (rule.action == Rule::Action::kLookup) message.number(FRA_TABLE, rule.table);
  if (rule.users) {
    message.number(FRA_UID_RANGE, fib_rule_uid_range{rule.users->first, rule.users->second});
  }
  if (!rule.from.empty()) {  // the attribute includes the terminating zero
    message.attribute(FRA_IIFNAME, view(std::string_view(rule.from.c_str(), rule.from.size() + 1)));
  }
  return message;
}

std::string described(const Route& route) {
  return "route " + format(route.to) + " to " + route.interface;
}
std::string described(const Rule& rule) { return "a routing rule for " + format(rule.to); }

}  // namespace

Status bring_link_up(const std::string& interface) {
  ifinfomsg head{};
  head.ifi_family = AF_UNSPEC;
  head.ifi_index = static_cast<int>(index_of(interface));
  if (head.ifi_index == 0) return fail(ErrorCode::kNotFound, "there is no interface " + interface);
  Message quiet(RTM_SETLINK, 0);
  quiet.add(head).nest(IFLA_AF_SPEC, [](Message& inside) {
    inside.nest(AF_INET6, [](Message& v6) {
      v6.number(IFLA_INET6_ADDR_GEN_MODE, std::uint8_t{IN6_ADDR_GEN_MODE_NONE});
    });
  });
  if (auto done = send(quiet, "set up IPv6 on " + interface); !done) return done;
  head.ifi_flags = head.ifi_change = IFF_UP;
  Message up(RTM_NEWLINK, 0);
  up.add(head);
  return send(up, "bring up " + interface);
}

Status add_address(const std::string& interface, const Prefix& address) {
  auto message = address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, interface, address);
  message.number(IFA_FLAGS, std::uint32_t{IFA_F_NODAD | IFA_F_NOPREFIXROUTE});
  return send(message, "add the address " + format(address) + " to " + interface);
}

Status remove_address(const std::string& interface, const Prefix& address) {
  auto message = address_message(RTM_DELADDR, 0, interface, address);
  return send(message, "remove the address " + format(address) + " from " + interface);
}

Status add_route(const Route& route) {
  auto message = route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  return send(message, described(route));
}

// Without NLM_F_EXCL: two programs may each add an equal rule.
Status add_rule(const Rule& rule) {
  auto message = rule_message(RTM_NEWRULE, NLM_F_CREATE, rule);
  return send(message, "add " + described(rule));
}

Status remove_rule(const Rule& rule) {
  auto message = rule_message(RTM_DELRULE, 0, rule);
  return send(message, "remove " + described(rule));
}

std::vector<IpAddress> interface_addresses() {
  std::vector<IpAddress> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  for (auto* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    if (at->ifa_addr->sa_family != AF_INET && at->ifa_addr->sa_family != AF_INET6) continue;
    const auto address = from_sockaddr(at->ifa_addr).address;
    if (address.is_link_local() && !address.is_v4()) continue;
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  freeifaddrs(list);
  return out;
}

}  // namespace culvert::runtime

// Interfaces, routes and rules by rtnetlink, in the test's own network namespace. Without the right
// to make a namespace, the test tries only the refusals.
#include "proto/runtime/packet/interface.hpp"

#include <net/if.h>
#include <sched.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <functional>
#include <thread>

#include "proto/core/endpoint.hpp"
#include "proto/runtime/packet/tun.hpp"
#include "proto/runtime/stream/resolve.hpp"

using namespace culvert;
using namespace culvert::runtime;

namespace {

// Runs `work` in a thread with its own namespace; checks are made after the thread has ended.
bool in_namespace(const std::function<void()>& work) {
  bool made = false;
  std::thread([&] {
    made = ::unshare(CLONE_NEWNET) == 0;
    if (made) work();
  }).join();
  return made;
}

std::string code(const Status& status) {
  return status ? "ok" : std::to_string(static_cast<int>(status.error().code));
}
std::string code(ErrorCode value) { return std::to_string(static_cast<int>(value)); }

Prefix prefix(const char* text) { return *parse_prefix(text); }

}  // namespace

TEST_CASE("interface: link, address, route and rules come and go") {
  std::vector<std::string> got;
  std::vector<IpAddress> addresses;
  const auto tried = in_namespace([&] {
    Loop loop;
    TunOptions options;
    options.name = "test0";
    auto tun = Tun::open(
        loop, [](auto) {}, options);
    if (!tun) return;
    const Prefix own = prefix("fd63:756c:7665::1");
    const Route route{"test0", prefix("fd63:756c:7665::/48"), 4711, own.address};
    Rule rule{100, route.to, {{1000, 1000}}, "lo", Rule::Action::kLookup, 4711};
    for (const auto& status : {bring_link_up("test0"), add_address("test0", own),
                               add_address("test0", own), add_route(route), add_route(route),
                               add_rule(rule), remove_rule(rule), remove_rule(rule)}) {
      got.push_back(code(status));
    }
    addresses = interface_addresses();
    Rule wall{101, route.to, {}, "", Rule::Action::kUnreachable, 0};
    Rule no{102, route.to, {{1, 5}}, "test0", Rule::Action::kProhibit, 0};
    for (const auto& status : {add_rule(wall), add_rule(wall), remove_rule(wall), remove_rule(wall),
                               remove_rule(wall), add_rule(no), remove_rule(no),
                               remove_address("test0", own), remove_address("test0", own)}) {
      got.push_back(code(status));
    }
  });
  if (!tried || got.empty()) {
    WARN("no network namespace or TUN device here: not tried");
    return;
  }
  const std::string there = code(ErrorCode::kConflict);
  const std::string none = code(ErrorCode::kNotFound);
  CHECK(got == std::vector<std::string>{"ok", "ok", there, "ok", there, "ok", "ok", none,  //
                                        "ok", "ok", "ok", "ok", none, "ok", "ok", "ok", none});
  // No link-local address was added.
  CHECK(addresses == std::vector<IpAddress>{prefix("fd63:756c:7665::1").address});
}

TEST_CASE("interface: a missing interface is an error that says so") {
  CHECK(code(bring_link_up("none-such0")) == code(ErrorCode::kNotFound));
  if (::geteuid() == 0) {
    CHECK(code(add_address("none-such0", prefix("fd00::1"))) == code(ErrorCode::kNotFound));
    const Route route{"none-such0", prefix("fd00::/64"), 4711, {}};
    CHECK(code(add_route(route)) != "ok");
  }
}

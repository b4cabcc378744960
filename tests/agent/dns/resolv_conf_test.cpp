#include "agent/dns/resolv_conf.hpp"

#include <catch2/catch.hpp>

using namespace culvert;
using namespace culvert::dns;

namespace {

std::string servers(std::string_view text) {
  std::string out;
  for (const Endpoint& server : ResolvConf::read(text).servers) out += format(server) + " ";
  return out;
}

}  // namespace

TEST_CASE("resolv.conf: its servers, in their order") {
  CHECK(servers("nameserver 10.0.0.1\nnameserver fd00::1\n") == "10.0.0.1:53 [fd00::1]:53 ");
  CHECK(servers("nameserver\t10.0.0.1  # home\r\n") == "10.0.0.1:53 ");
  CHECK(servers("#nameserver 10.0.0.9\n;nameserver 10.0.0.8\nnameserver 10.0.0.1") ==
        "10.0.0.1:53 ");
  CHECK(
      servers("nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4\n") ==
      "1.1.1.1:53 1.1.1.2:53 1.1.1.3:53 ");
  CHECK(servers("nameserver fe80::1%eth0\nnameserver nonsense\n").empty());
  CHECK(servers("search example.com\n") == "127.0.0.1:53 ");  // as the C library does
  CHECK(servers("") == "127.0.0.1:53 ");
}

TEST_CASE("resolv.conf: the stub replaces the name servers, all other lines stay") {
  const auto conf =
      ResolvConf::read("# mine\nnameserver 10.0.0.1\nsearch a.example\noptions ndots:2 edns0\n");
  CHECK_FALSE(conf.names_stub);
  CHECK(conf.with_stub.find("nameserver 127.0.0.153\n") != std::string::npos);
  CHECK(conf.with_stub.find("10.0.0.1") == std::string::npos);
  CHECK(conf.with_stub.find("# mine\nsearch a.example\noptions ndots:2 edns0\n") !=
        std::string::npos);
  const auto again = ResolvConf::read(conf.with_stub);
  CHECK(again.names_stub);
  CHECK(again.servers.empty());
}

TEST_CASE("resolv.conf: systemd-resolved is known by its stub") {
  CHECK(ResolvConf::read("nameserver 127.0.0.53\noptions edns0\n").names_resolved);
  CHECK_FALSE(ResolvConf::read("nameserver 10.0.0.1\nnameserver 127.0.0.53\n").names_resolved);
}

TEST_CASE("resolv.conf: when the file may be put back, and when it is somebody else's") {
  const std::string before = "nameserver 10.0.0.1\n";
  const std::string ours = ResolvConf::read(before).with_stub;
  CHECK(compare(before, before, ours) == Found::kUntouched);
  CHECK(compare(ours, before, ours) == Found::kOurs);
  CHECK(compare("", before, ours) == Found::kOurs);  // as after a crash while writing
  CHECK(compare(ours.substr(0, 40), before, ours) == Found::kOurs);
  CHECK(compare(before.substr(0, 5), before, ours) == Found::kOurs);
  CHECK(compare("nameserver 10.0.0.2\n", before, ours) == Found::kForeign);
  CHECK(compare(ours + "nameserver 10.0.0.2\n", before, ours) == Found::kForeign);
}

// The Host field of the agent's own HTTP requests (RFC 9110 §7.2): the field names the port unless
// the port is the scheme's default.
#include <catch2/catch.hpp>

#include "agent/shell/lease_link.hpp"
#include "agent/shell/links.hpp"

using namespace culvert;
using namespace culvert::agent;

TEST_CASE("shell: requests to lease servers and relays name a port that is not the default") {
  const std::vector<std::tuple<std::string, std::string>> lease_servers = {
      {"http://lease.acme.example/lease/v1", "lease.acme.example"},
      {"http://lease.acme.example:80/lease/v1", "lease.acme.example"},
      {"http://lease.acme.example:7450/lease/v1", "lease.acme.example:7450"},
      {"http://lease.acme.example:443/lease/v1", "lease.acme.example:443"},
      {"https://lease.acme.example/lease/v1", "lease.acme.example"},
      {"https://lease.acme.example:80/lease/v1", "lease.acme.example:80"},
      {"http://[fd00::1]:7450/lease/v1", "[fd00::1]:7450"},
      {"http://[fd00::1]/lease/v1", "[fd00::1]"},
  };
  for (const auto& [url, host] : lease_servers) {
    INFO(url);
    CHECK(post_head(http::parse_url(url).value(), 0).headers.one("Host") == host);
  }
  RelayTarget relay;
  relay.host = "relay.vendor.example";
  relay.port = 443;
  CHECK(derp_upgrade(relay).headers.one("Host") == "relay.vendor.example");
  relay.port = 7444;
  CHECK(derp_upgrade(relay).headers.one("Host") == "relay.vendor.example:7444");
}

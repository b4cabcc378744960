#include "proto/http/url.hpp"

#include <catch2/catch.hpp>

using namespace culvert;
using namespace culvert::http;

TEST_CASE("URLs", "[http]") {
  const auto url = parse_url("https://relay.example:7444/derp?a=b");
  REQUIRE(url);
  CHECK((url->tls && url->host == "relay.example" && url->port == 7444));
  CHECK(url->target == "/derp?a=b");
  CHECK(parse_url("ws://[fd00::1]/x")->host == "fd00::1");
  CHECK(parse_url("ws://[fd00::1]/x")->port == 80);
  CHECK(parse_url("wss://h")->target == "/");
  CHECK(parse_url("http://h?q")->target == "/?q");
  for (const char* bad : {"", "h:80", "ftp://h", "http://", "http://u@h/", "http://h:x/",
                          "http://h/a b", "http://h/#f", "http://h\r\n/"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_url(bad));
  }
}

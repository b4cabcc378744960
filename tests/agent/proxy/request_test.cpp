#include "agent/proxy/request.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "agent/proxy/forward.hpp"

using namespace culvert;
using namespace culvert::proxy;

namespace {

Bytes socks(std::initializer_list<int> head, std::string_view name = "", int port = -1) {
  Bytes out;
  for (const int byte : head) out.push_back(static_cast<std::uint8_t>(byte));
  append(out, view(name));
  if (port >= 0) Writer(out).be(static_cast<std::uint16_t>(port));
  return out;
}

http::RequestHead head_of(const std::string& method, const std::string& target,
                          http::HttpHeaders headers = {}) {
  return {method, target, std::move(headers)};
}

}  // namespace

TEST_CASE("request: hosts have one spelling") {
  struct Case {
    std::string given;
    std::optional<std::string> normal;
  };
  const std::string label63(63, 'a');
  const std::vector<Case> cases = {
      {"api.acme.example", "api.acme.example"},
      {"API.Acme.Example.", "api.acme.example"},
      {"localhost", "localhost"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example"},
      {label63 + ".example", label63 + ".example"},
      {"FD00:0:0::1", "fd00::1"},
      {"10.0.0.1", "10.0.0.1"},
      {"", std::nullopt},
      {".", std::nullopt},
      {"..", std::nullopt},
      {"a..b", std::nullopt},
      {"a.example..", std::nullopt},
      {"-a.example", std::nullopt},
      {"a-.example", std::nullopt},
      {"a_b.example", std::nullopt},
      {"a b", std::nullopt},
      {"a/b", std::nullopt},
      {"a@b", std::nullopt},
      {"[fd00::1]", std::nullopt},
      {"b\xC3\xBC"
       "cher.example",
       std::nullopt},
      {std::string("a\0b", 3), std::nullopt},
      {std::string("10.0.0.1\0x", 10), std::nullopt},
      {label63 + "a.example", std::nullopt},
      {label63 + "." + label63 + "." + label63 + "." + label63, std::nullopt},
  };
  for (const auto& c : cases) {
    INFO(c.given);
    CHECK(normal_host(c.given) == c.normal);
  }
}

TEST_CASE("request: SOCKS5 greetings") {
  CHECK(parse_socks_greeting({})->size == 0);
  CHECK(parse_socks_greeting(socks({5}))->size == 0);
  CHECK(parse_socks_greeting(socks({5, 2, 0}))->size == 0);
  const auto open = parse_socks_greeting(socks({5, 2, 2, 0, 99}));
  REQUIRE(open);
  CHECK(open->size == 4);
  CHECK(open->value);
  CHECK_FALSE(parse_socks_greeting(socks({5, 1, 2}))->value);  // only with a password
  CHECK_FALSE(parse_socks_greeting(socks({4, 1})));
  CHECK_FALSE(parse_socks_greeting(socks({5, 0})));
}

TEST_CASE("request: SOCKS5 targets") {
  struct Good {
    Bytes bytes;
    Target target;
  };
  const std::vector<Good> good = {
      {socks({5, 1, 0, 3, 5}, "a.BCD", 443), {"a.bcd", 443}},
      {socks({5, 1, 0, 1, 10, 0, 0, 1}, "", 80), {"10.0.0.1", 80}},
      {socks({5, 1, 0, 4, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}, "", 1),
       {"fd00::7", 1}}};
  for (const auto& c : good) {
    for (std::size_t cut = 0; cut < c.bytes.size(); ++cut) {  // every prefix is incomplete
      const auto part = parse_socks_request(ByteView(c.bytes).first(cut));
      REQUIRE(part);
      CHECK(part->size == 0);
    }
    auto more = c.bytes;
    append(more, view("left over"));
    const auto whole = parse_socks_request(more);
    REQUIRE(whole);
    CHECK(whole->size == c.bytes.size());
    CHECK(whole->value == c.target);
  }

  struct Bad {
    Bytes bytes;
    SocksReply reply;
  };
  const std::vector<Bad> bad = {
      {socks({4, 1, 0, 3, 1}, "a", 443), SocksReply::kFailure},
      {socks({5, 2, 0, 3, 1}, "a", 443), SocksReply::kCommand},  // BIND
      {socks({5, 3, 0, 3, 1}, "a", 443), SocksReply::kCommand},  // UDP ASSOCIATE
      {socks({5, 1, 1, 3, 1}, "a", 443), SocksReply::kFailure},
      {socks({5, 1, 0, 2, 1}, "a", 443), SocksReply::kAddressKind},
      {socks({5, 1, 0, 3, 1}, "a", 0), SocksReply::kUnreachable},
      {socks({5, 1, 0, 3, 0}, "", 443), SocksReply::kUnreachable},
      {socks({5, 1, 0, 3, 3}, "a b", 443), SocksReply::kUnreachable}};
  for (const auto& c : bad) {
    INFO(to_hex(c.bytes));
    const auto parsed = parse_socks_request(c.bytes);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error() == c.reply);
  }
  CHECK(to_hex(render_socks_reply(SocksReply::kUnreachable)) == "05040001000000000000");
}

TEST_CASE("request: HTTP CONNECT targets") {
  CHECK(proxy_request(head_of("CONNECT", "API.example:443"))->target == Target{"api.example", 443});
  CHECK(proxy_request(head_of("CONNECT", "[FD00::1]:80"))->target == Target{"fd00::1", 80});
  CHECK(proxy_request(head_of("CONNECT", "a.example:1", {{"Host", "a.example:1"}}))->target ==
        Target{"a.example", 1});

  struct Bad {
    http::RequestHead head;
    int status;
  };
  const std::vector<Bad> bad = {
      {head_of("GET", "/"), 405},
      {head_of("POST", "https://api.example/"), 405},
      {head_of("GET", "ftp://api.example/"), 405},
      {head_of("GET", "http://user@api.example/"), 400},
      {head_of("GET", "http://api.example/#x"), 400},
      {head_of("GET", "http://a_b/"), 400},
      {head_of("GET", "http://api.example:0/"), 400},
      {head_of("GET", "http://api.example/", {{"Origin", "http://evil.example"}}), 403},
      {head_of("GET", "http://api.example/", {{"Sec-Fetch-Site", "cross-site"}}), 403},
      {head_of("GET", "/", {{"Origin", "http://127.0.0.1:1080"}}), 403},
      {head_of("connect", "api.example:443"), 405},
      {head_of("CONNECT", "api.example"), 400},
      {head_of("CONNECT", "api.example:0"), 400},
      {head_of("CONNECT", "api.example:65536"), 400},
      {head_of("CONNECT", "api.example:+1"), 400},
      {head_of("CONNECT", "fd00::1:80"), 400},
      {head_of("CONNECT", "user@api.example:443"), 400},
      {head_of("CONNECT", "http://api.example:443"), 400},
      {head_of("CONNECT", ":443"), 400},
      {head_of("CONNECT", "a_b:443"), 400},
      {head_of("CONNECT", "a.example:1", {{"Content-Length", "5"}}), 400},
      {head_of("CONNECT", "a.example:1", {{"Transfer-Encoding", "chunked"}}), 400},
      {head_of("CONNECT", "a.example:1", {{"Origin", "https://evil.example"}}), 403},
      {head_of("GET", "/", {{"Sec-Fetch-Site", "cross-site"}}), 403},
      {head_of("POST", "/", {{"sec-fetch-mode", "no-cors"}}), 403}};
  for (const auto& c : bad) {
    INFO(c.head.method << " " << c.head.target);
    const auto target = proxy_request(c.head);
    REQUIRE_FALSE(target);
    CHECK(target.error() == c.status);
  }
}

TEST_CASE("request: a request for an http:// URL is sent on in origin form") {
  const auto request = proxy_request(head_of("PUT", "HTTP://API.example:8080/a?b",
                                             {{"Host", "other.example"},
                                              {"Connection", "X-Mine, keep-alive"},
                                              {"X-Mine", "1"},
                                              {"Proxy-Authorization", "Basic secret"},
                                              {"Origin", "http://api.example:8080"},
                                              {"Content-Length", "0"},
                                              {"Accept", "*/*"}}));
  REQUIRE(request);
  CHECK_FALSE(request->connect);
  CHECK(request->target == Target{"api.example", 8080});
  CHECK(request->head ==
        "PUT /a?b HTTP/1.1\r\nHost: API.example:8080\r\nOrigin: http://api.example:8080\r\n"
        "Content-Length: 0\r\nAccept: */*\r\nConnection: close\r\n\r\n");
  const auto old = proxy_request(head_of("GET", "http://api.example"), true);
  REQUIRE(old);
  CHECK(old->target == Target{"api.example", 80});
  CHECK(old->head == "GET / HTTP/1.0\r\nHost: api.example\r\nConnection: close\r\n\r\n");
  // A Connection header cannot remove the header that states the length of the body.
  const auto body = proxy_request(head_of(
      "POST", "http://api.example/", {{"Connection", "Content-Length"}, {"Content-Length", "5"}}));
  REQUIRE(body);
  CHECK(body->head.find("Content-Length: 5") != std::string::npos);
}

TEST_CASE("request: forwards as people write them") {
  const auto whole = ForwardSpec::parse("8443:API.acme.example:443");
  REQUIRE(whole);
  CHECK(whole->local_port == 8443);
  CHECK(whole->host == "api.acme.example");
  CHECK(whole->port == 443);
  const auto own_port = ForwardSpec::parse("0:db.acme.example");
  REQUIRE(own_port);
  CHECK(own_port->local_port == 0);
  CHECK(own_port->port == 0);
  const auto literal = ForwardSpec::parse("1:[fd00::1]:80");
  REQUIRE(literal);
  CHECK(literal->host == "fd00::1");
  CHECK(literal->port == 80);
  CHECK(ForwardSpec::parse("1:[fd00::1]")->host == "fd00::1");
  for (const std::string bad :
       {"", "8443", ":api", "8443:", "x:api", "65536:api", "-1:api", "8443:api:", "8443:api:0",
        "8443:api:x", "8443:a b", "1:[fd00::1", "1:fd00::1:80", "1:[]"}) {
    INFO(bad);
    CHECK_FALSE(ForwardSpec::parse(bad));
  }
}

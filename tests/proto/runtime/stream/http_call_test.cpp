#include "proto/runtime/stream/http_call.hpp"

#include <catch2/catch.hpp>

#include "proto/runtime/stream/http.hpp"
#include "tests/proto/runtime/runtime_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

constexpr std::size_t kLimit = 100;

struct Called {
  Called() {
    client.take(std::move(tcp.client));
    call = std::make_unique<HttpCall>(
        loop, std::move(tcp.server), kLimit,
        [this](Result<HttpRequest> request) { got.emplace(std::move(request)); });
  }
  Loop loop;
  TcpPair tcp{loop};
  Peer client;
  std::unique_ptr<HttpCall> call;
  std::optional<Result<HttpRequest>> got;
};

}  // namespace

TEST_CASE("http call: head and body in any pieces, answered once", "[runtime][http]") {
  const std::string raw = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t cut = 1; cut < raw.size(); cut += 7) {
    Called c;
    c.client.write(raw.substr(0, cut));
    (void)c.loop.run_until([] { return false; }, 1ms);
    c.client.write(raw.substr(cut) + "what follows is not the body");
    RUN_UNTIL(c.loop, c.got.has_value());
    REQUIRE(*c.got);
    CHECK((*c.got)->head.target == "/x");
    CHECK((*c.got)->body == "hello");
    c.call->answer(200, "answer");
    RUN_UNTIL(c.loop, c.client.ended || c.client.closed);
    CHECK(c.client.got.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(c.client.got.ends_with("\r\n\r\nanswer"));
  }
}

TEST_CASE("http call: too long, chunked or malformed is refused before it is read",
          "[runtime][http]") {
  const auto [fields, status] = GENERATE(table<std::string, std::string>({
      {"Host: a\r\nContent-Length: 101\r\n", "413"},
      {"Host: a\r\nContent-Length: 99999999999999999999\r\n", "400"},
      {"Host: a\r\nContent-Length: -1\r\n", "400"},
      {"Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n", "400"},
      {"Host: a\r\nTransfer-Encoding: chunked\r\n", "400"},
      {"Content-Length: 5\r\n", "400"},
      {"Host: a\r\nHost: b\r\nContent-Length: 5\r\n", "400"},
  }));
  CAPTURE(fields);
  Called c;
  c.client.write("POST /x HTTP/1.1\r\n" + fields + "\r\nhello");
  RUN_UNTIL(c.loop, c.got.has_value());
  CHECK_FALSE(*c.got);
  RUN_UNTIL(c.loop, c.client.ended || c.client.closed);
  CHECK(c.client.got.starts_with("HTTP/1.1 " + status));
}

TEST_CASE("http call: a body that is cut short is an error, and nobody is asked",
          "[runtime][http]") {
  Called c;
  c.client.write("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  c.client.stream->finish();
  RUN_UNTIL(c.loop, c.got.has_value());
  CHECK_FALSE(*c.got);
}

#include "proto/runtime/stream/http.hpp"

#include <catch2/catch.hpp>

#include "tests/proto/runtime/runtime_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

std::string head_of(std::size_t headers, std::size_t padding) {
  std::string out = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 1; i < headers; ++i) out += "X: " + std::string(padding, 'p') + "\r\n";
  return out + "\r\n";
}

}  // namespace

TEST_CASE("request heads are parsed, and say where they end", "[runtime][http]") {
  const std::string raw =
      "GET /derp?x=1 HTTP/1.1\r\nHost: relay.example\r\nupgrade:  DERP \r\n"
      "Connection: keep-alive, Upgrade\r\nEmpty:\r\n\r\n";
  const auto parsed = http::parse_request_head(view(raw + "left over"));
  REQUIRE(parsed);
  CHECK(parsed->size == raw.size());
  CHECK(parsed->head.method == "GET");
  CHECK(parsed->head.target == "/derp?x=1");
  CHECK(parsed->head.headers.one("UPGRADE") == "DERP");
  CHECK(parsed->head.headers.has_token("connection", "upgrade"));
  CHECK_FALSE(parsed->head.headers.has_token("connection", "upgra"));
  for (std::size_t i = 0; i < raw.size(); ++i) {  // every prefix is incomplete
    const auto part = http::parse_request_head(view(raw).first(i));
    REQUIRE(part);
    CHECK(part->size == 0);
  }
}

TEST_CASE("whatever is not plainly right is refused", "[runtime][http]") {
  const std::string start = "GET / HTTP/1.1\r\n";
  const auto bad = GENERATE_COPY(values<std::string>({
      "GET / HTTP/1.1\nHost: a\n\n",             // bare LF
      "GET / HTTP/1.1\r\nHost: a\n\r\n\r\n",     // one bare LF
      "GET / HTTP/1.1\rHost: a\r\n\r\n",         // bare CR
      start + "A: b\rc\r\n\r\n",                 // bare CR in a value
      start + "A: b\r\n folded\r\n\r\n",         // obs-fold
      start + "\tA: b\r\n\r\n",                  // starts with a tab
      start + "A : b\r\n\r\n",                   // space before the colon
      start + ": b\r\n\r\n",                     // no name
      start + "A b\r\n\r\n",                     // no colon
      start + std::string("A: \0b\r\n\r\n", 9),  // NUL
      start + "A: \x7F\r\n\r\n",                 // DEL
      start + "A\"B: c\r\n\r\n",                 // not a token
      "GET  / HTTP/1.1\r\n\r\n",                 // two spaces
      "GET / HTTP/1.1 \r\n\r\n",                 // trailing space
      "GET /a b HTTP/1.1\r\n\r\n",               // space in the target
      "GET / HTTP/1.0\r\n\r\n",                  // not 1.1
      "GET / HTTP/2\r\n\r\n",
      "GET /\r\n\r\n",  // HTTP/0.9
      " GET / HTTP/1.1\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\n\r\n",  // a leading empty line
      "G\x01T / HTTP/1.1\r\n\r\n",
      head_of(http::kMaxHeaders + 1, 1),
      head_of(40, 1000),                     // longer than kMaxHeadSize
      std::string(http::kMaxHeadSize, 'x'),  // one endless line
  }));
  CAPTURE(bad.substr(0, 60));
  CHECK_FALSE(http::parse_request_head(view(bad)));
}

TEST_CASE("the limits themselves are allowed", "[runtime][http]") {
  const auto parsed = http::parse_request_head(view(head_of(http::kMaxHeaders, 100)));
  REQUIRE(parsed);
  CHECK(parsed->head.headers.list().size() == http::kMaxHeaders);
}

TEST_CASE("a head in pieces is the same head, refused at the same place", "[runtime][http]") {
  const auto raw = GENERATE_COPY(values<std::string>({
      "GET /derp?x=1 HTTP/1.1\r\nHost: a\r\nUpgrade:  DERP \r\nEmpty:\r\n\r\nleft over",
      head_of(http::kMaxHeaders, 100),
      "GET / HTTP/1.1\r\nHost: a\n\r\n",
      "GET / HTTP/1.1\rHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
      head_of(http::kMaxHeaders + 1, 1),
      head_of(40, 1000),
      std::string(http::kMaxHeadSize + 5, 'x'),
  }));
  CAPTURE(raw.substr(0, 60));
  const auto whole = http::parse_request_head(view(raw));
  const std::size_t piece = GENERATE(1U, 2U, 3U, 7U, 1000U);
  http::HeadParser<http::RequestHead> parser;
  Result<std::size_t> size = std::size_t{0};
  for (std::size_t i = 0; i < raw.size() && size && *size == 0; i += piece) {
    size = parser.parse(view(raw).first(std::min(i + piece, raw.size())));
  }
  REQUIRE(size.has_value() == whole.has_value());
  if (!size) {
    CHECK(size.error().message == whole.error().message);
    return;
  }
  CHECK(*size == whole->size);
  const auto head = parser.take();
  CHECK(head.target == whole->head.target);
  CHECK(head.headers.list() == whole->head.headers.list());
  const std::string next = "PUT /next HTTP/1.1\r\n\r\n";  // for the parser's next request
  CHECK(*parser.parse(view(next)) == next.size());
  CHECK(parser.take().target == "/next");
}

TEST_CASE("no byte of a head is searched twice, whatever its pieces", "[runtime][http]") {
  const auto raw = GENERATE_COPY(values<std::string>({
      head_of(http::kMaxHeaders, 100),
      "GET / HTTP/1.1\r\nHost: a\r\nLong: " + std::string(10'000, 'x') + "\r\n\r\n",
  }));
  http::HeadParser<http::RequestHead> parser;
  for (std::size_t size = 1; size < raw.size(); ++size) {
    // Overwrites the bytes that the parser has read before with bytes that it would refuse. A line
    // that has ended stays: the parser may read a whole line again.
    std::string so_far = raw.substr(0, size);
    const bool line_ends = so_far.ends_with("\r\n");
    const std::size_t line = line_ends ? so_far.rfind('\n', size - 2) + 1 : size - 1;
    std::fill_n(so_far.begin(), line, '\n');
    const auto got = parser.parse(view(so_far));
    REQUIRE(got);
    REQUIRE(*got == 0);
  }
  CHECK(*parser.parse(view(raw)) == raw.size());
  CHECK(parser.take().headers.list().size() > 1);
}

TEST_CASE("response heads", "[runtime][http]") {
  const auto good =
      http::parse_response_head(view("HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\nX"));
  REQUIRE(good);
  CHECK(good->head.status == 101);
  CHECK(good->head.reason == "Switching Protocols");
  CHECK(http::parse_response_head(view("HTTP/1.1 204\r\n\r\n"))->head.status == 204);
  for (const char* bad :
       {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 999 X\r\n\r\n", "HTTP/1.1 +20 X\r\n\r\n", "ICY 200 OK\r\n\r\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(http::parse_response_head(view(bad)));
  }
  const http::ResponseHead head{426, "Upgrade Required", {{"Upgrade", "DERP"}}};
  const auto again = http::parse_response_head(view(render(head)));
  REQUIRE(again);
  CHECK(again->head.headers.one("upgrade") == "DERP");
}

TEST_CASE("an upgrade hands over the bytes that came too early, on both sides", "[runtime][http]") {
  Loop loop;
  TcpPair tcp(loop);
  Peer server;
  std::unique_ptr<HttpAcceptor> acceptor;
  acceptor = std::make_unique<HttpAcceptor>(loop, std::move(tcp.server), [&](auto request) {
    REQUIRE(request);
    CHECK(request->headers.has_token("Upgrade", "DERP"));
    auto stream = acceptor->upgrade({{"Upgrade", "DERP"}, {"Derp-Version", "2"}});
    stream->write(view("server first"));  // sent together with the 101
    server.take(std::move(stream));
    acceptor.reset();
  });
  const http::RequestHead request{
      "GET", "/derp", {{"Host", "r"}, {"Upgrade", "DERP"}, {"Connection", "Upgrade"}}};
  Peer client;
  HttpUpgrade upgrade(loop, std::move(tcp.client), request, [&](auto answer) {
    REQUIRE(answer);
    CHECK(answer->head.headers.one("Derp-Version") == "2");
    client.take(std::move(answer->stream));
  });
  RUN_UNTIL(loop, client.got == "server first");
  client.write("client");
  client.stream->finish();
  RUN_UNTIL(loop, server.ended && server.got == "client");
  server.stream->finish();
  RUN_UNTIL(loop, client.closed && server.closed);
}

TEST_CASE("bytes in one packet with the request reach the upgraded stream", "[runtime][http]") {
  Loop loop;
  TcpPair tcp(loop);
  Peer server;
  Peer client;
  client.take(std::move(tcp.client));
  std::unique_ptr<HttpAcceptor> acceptor;
  acceptor = std::make_unique<HttpAcceptor>(loop, std::move(tcp.server), [&](auto request) {
    REQUIRE(request);
    server.take(acceptor->release());
  });
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\nfast start");
  client.stream->finish();
  RUN_UNTIL(loop, server.ended);
  CHECK(server.got == "fast start");
}

TEST_CASE("simple requests are answered and the connection closed", "[runtime][http]") {
  Loop loop;
  TcpPair tcp(loop);
  std::unique_ptr<HttpAcceptor> acceptor;
  const bool empty = GENERATE(true, false);
  acceptor = std::make_unique<HttpAcceptor>(loop, std::move(tcp.server), [&](auto request) {
    REQUIRE(request);
    if (empty) {
      acceptor->answer(204, {{"X-Tailscale-Response", "response c"}}, "");
    } else {
      acceptor->answer(200, {}, "metrics\n");
    }
    acceptor.reset();
  });
  std::optional<HttpAnswer> answer;
  HttpGet get(loop, std::move(tcp.client), {"GET", "/generate_204", {{"Host", "r"}}},
              [&](auto given) {
                REQUIRE(given);
                answer = std::move(*given);
              });
  RUN_UNTIL(loop, answer.has_value());
  CHECK(answer->head.status == (empty ? 204 : 200));
  CHECK(text(answer->body) == (empty ? "" : "metrics\n"));
}

TEST_CASE("bad requests get 400 and the caller hears why", "[runtime][http]") {
  Loop loop;
  TcpPair tcp(loop);
  const auto bad = GENERATE(values<std::string>({
      "nonsense\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",                        // no Host
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",  // two Hosts
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
  }));
  CAPTURE(bad);
  std::optional<Error> why;
  HttpAcceptor acceptor(loop, std::move(tcp.server), [&](auto request) {
    REQUIRE_FALSE(request);
    why = request.error();
  });
  Peer client;
  client.take(std::move(tcp.client));
  client.write(bad);
  RUN_UNTIL(loop, why && client.ended);
  CHECK(why->code == ErrorCode::kInvalid);
  CHECK(client.got.starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

TEST_CASE("an upgrade refused is an error that names the status", "[runtime][http]") {
  Loop loop;
  TcpPair tcp(loop);
  HttpAcceptor acceptor(loop, std::move(tcp.server),
                        [&](auto) { acceptor.answer(200, {}, "a proxy's page"); });
  std::optional<Error> why;
  HttpUpgrade upgrade(loop, std::move(tcp.client), {"GET", "/", {{"Host", "a"}}}, [&](auto answer) {
    REQUIRE_FALSE(answer);  // a 200 is no upgrade
    why = answer.error();
  });
  RUN_UNTIL(loop, why.has_value());
  CHECK(why->message == "HTTP: answered 200 instead of an upgrade");
}

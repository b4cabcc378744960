// Web pages of other sites against a forward. Requests that the user's browser sends for such pages
// are refused; requests of the user's programs and of the service's own pages pass.
#include "agent/proxy/browser.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "agent/proxy/request_guard.hpp"

using namespace culvert;
using namespace culvert::proxy;

namespace {

const OwnNames kTcp{"db.acme.example", 8443, false, false};
const OwnNames kHttp{"db.acme.example", 8443, true, false};

// The bytes that passed, and the status of the refusal (0: not refused).
struct Seen {
  std::string passed;
  int status = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << seen.status << " after [" << seen.passed << "]";
}

// Gives `text` to a guard in pieces of `piece` bytes, then (with `end`) the end.
Seen feed(const OwnNames& names, std::string_view text, std::size_t piece, bool end = true) {
  RequestGuard guard(names);
  Seen seen;
  const auto take = [&](RequestGuard::Step step) {
    CHECK((seen.status == 0 || step.pass.empty()));
    seen.passed += culvert::text(step.pass);
    if (step.refusal) seen.status = step.refusal->status;
  };
  for (std::size_t at = 0; at < text.size(); at += piece) {
    take(guard.take(view(text.substr(at, piece))));
  }
  if (end) take(guard.end());
  return seen;
}

std::string get(const std::string& headers, const std::string& target = "/") {
  return "GET " + target + " HTTP/1.1\r\n" + headers + "\r\n";
}
const std::string kOwnHost = "Host: 127.0.0.1:8443\r\n";

}  // namespace

TEST_CASE("browser: the forward's own names") {
  struct Case {
    std::string_view authority;
    bool own;
  };
  const std::vector<Case> cases = {{"127.0.0.1:8443", true},
                                   {"localhost:8443", true},
                                   {"LOCALHOST:8443", true},
                                   {"[::1]:8443", true},
                                   {"db.acme.example", true},
                                   {"DB.acme.example.:1", true},
                                   {"127.0.0.1", true},
                                   {"127.0.0.1:8444", false},
                                   {"localhost.:8443", false},
                                   {"evil.localhost:8443", false},
                                   {"127.0.0.2:8443", false},
                                   {"[::1]", true},
                                   {"::1:8443", false},
                                   {"evil.example:8443", false},
                                   {"127.0.0.1.evil.example:8443", false},
                                   {"evil.example@127.0.0.1:8443", false},
                                   {"127.0.0.1:8443:8443", false},
                                   {"127.0.0.1:", false},
                                   {"127.0.0.1:x", false},
                                   {"127.0.0.1:08443", true},
                                   {"127.0.0.1:73979", false},
                                   {"acme.example", false},
                                   {"xdb.acme.example", false},
                                   {"", false}};
  for (const auto& c : cases) {
    INFO(c.authority);
    CHECK(is_own(c.authority, kTcp, 0) == c.own);
  }
  CHECK_FALSE(is_own("127.0.0.1", kTcp, 80));  // an origin without a port is another site
  CHECK(is_own("127.0.0.1", OwnNames{"", 80, false, false}, 80));
}

TEST_CASE("browser: requests of programs and of the service's own pages go on") {
  const std::vector<std::string> good = {
      get(kOwnHost), get(kOwnHost + "User-Agent: curl/7.88.1\r\nAccept: */*\r\n"),
      get("Host: localhost:8443\r\n"), get("Host: [::1]:8443\r\n"),
      get("Host: db.acme.example\r\n"), get(""),
      // an address that was typed into the browser, or a page of the service
      get(kOwnHost +
          "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nUser-Agent: Mozilla/5.0\r\n"),
      get(kOwnHost + "Sec-Fetch-Site: same-origin\r\nAccept-Language: en\r\n"),
      "POST / HTTP/1.1\r\n" + kOwnHost +
          "Origin: http://127.0.0.1:8443\r\nContent-Length: 0\r\n\r\n",
      get("Host: localhost:8443\r\nOrigin: http://localhost:8443\r\n"),
      get(kOwnHost + "Origin: https://db.acme.example\r\n")};
  for (const auto& request : good) {
    for (const auto& names : {kTcp, kHttp}) {
      for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, request.size()}) {
        INFO(request);
        CHECK(feed(names, request, piece) == Seen{request, 0});
      }
    }
  }
}

TEST_CASE("browser attack: what a page of another site makes the browser send is refused") {
  const std::vector<std::string> bad = {
      get(kOwnHost + "Sec-Fetch-Site: cross-site\r\n"),
      get(kOwnHost + "sec-fetch-site: same-site\r\n"),
      get(kOwnHost + "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n"),
      get(kOwnHost + "Sec-Fetch-Mode: no-cors\r\n"),
      get(kOwnHost + "Origin: https://evil.example\r\n"), get(kOwnHost + "Origin: null\r\n"),
      get(kOwnHost + "Origin: http://127.0.0.1\r\n"),
      get(kOwnHost + "Origin: http://127.0.0.1:3000\r\n"),
      get(kOwnHost + "Origin: http://127.0.0.1:8443\r\nOrigin: https://evil.example\r\n"),
      get(kOwnHost + "Origin: http://127.0.0.1:8443.evil.example\r\n"),
      get(kOwnHost + "Origin: chrome-extension://abcdef\r\n"),
      "OPTIONS / HTTP/1.1\r\n" + kOwnHost +
          "Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kOwnHost +
          "Content-Type: text/plain\r\nOrigin: https://evil.example\r\nContent-Length: "
          "9\r\n\r\nFLUSHALL\n",
      get(kOwnHost +
          "Origin: https://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"),
      "GET / HTTP/1.0\r\n" + kOwnHost + "Origin: https://evil.example\r\n\r\n",
      "FROBNICATE / HTTP/1.1\r\n" + kOwnHost + "Origin: https://evil.example\r\n\r\n",
      // DNS rebinding: the page's own name resolves to the forward, so the request is of the same
      // origin
      get("Host: evil.example:8443\r\nUser-Agent: Mozilla/5.0\r\n"),
      get("Host: evil.example:8443\r\nAccept-Language: en\r\n"),
      get("Host: evil.example:8443\r\nUpgrade-Insecure-Requests: 1\r\n"),
      get("Host: evil.example:8443\r\nOrigin: http://evil.example:8443\r\n"),
      get(kOwnHost + "User-Agent: Mozilla/5.0\r\n", "http://evil.example:8443/")};
  for (const auto& request : bad) {
    for (const auto& names : {kTcp, kHttp}) {
      const auto whole = feed(names, request, request.size());
      INFO(request);
      CHECK(whole == Seen{"", 403});
      if (request.starts_with("FROB")) continue;  // a browser sends a head in one piece
      CHECK(feed(names, request, 1) == Seen{"", 403});
      CHECK(feed(names, request, 11) == Seen{"", 403});
    }
  }
}

TEST_CASE("browser attack: a foreign Host alone is refused where the service speaks HTTP") {
  for (const std::string host : {"evil.example:8443", "x", "127.0.0.1:1", "", "localhost.:8443"}) {
    const auto request = get("Host: " + host + "\r\n");
    INFO(request);
    CHECK(feed(kHttp, request, request.size()) == Seen{"", 403});
    // To a virtual host, by a program.
    CHECK(feed(kTcp, request, request.size()) == Seen{request, 0});
  }
  const auto two = get("Host: 127.0.0.1:8443\r\nHost: evil.example\r\n");
  CHECK(feed(kTcp, two, two.size()) == Seen{"", 400});
}

TEST_CASE("browser: the answer is a whole response that names the cause") {
  const auto refusal =
      refuse_cross_site(http::RequestHead{"GET", "/", {{"Origin", "https://evil.example"}}}, kTcp);
  REQUIRE(refusal);
  const auto answer = render(*refusal);
  CHECK(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"));
  CHECK(answer.find("Origin") != std::string::npos);
  CHECK(answer.find("evil.example") == std::string::npos);
  const auto head = http::parse_response_head(view(answer));
  REQUIRE(head);
  REQUIRE(head->size > 0);
  CHECK(head->head.headers.one("Content-Length") == std::to_string(answer.size() - head->size));
}

TEST_CASE("guard: other protocols pass unchanged, and nothing of them is held back") {
  using namespace std::string_literals;
  const std::vector<std::string> all = {"SSH-2.0-OpenSSH_9.2\r\n",
                                        "\x16\x03\x01\x02\x00\x01\x00"s,
                                        "*1\r\n$4\r\nPING\r\n",
                                        "PING\r\n",
                                        "HELO example\r\n",
                                        "\x00\x00\x00\x08\x04\xD2\x16\x2F"s,
                                        "GET key\r\n",
                                        "get key\r\n",
                                        "QUIT\r\n",
                                        "GET / HTTP/1.1\n\n",
                                        "GET /\r\n",
                                        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                        "OPTIONS\0"s,
                                        "\r",
                                        "MAIL FROM:<a@b>\r\n",
                                        "G\x80"};
  for (const auto& bytes : all) {
    for (const std::size_t piece : {std::size_t{1}, bytes.size()}) {
      INFO(to_hex(view(bytes)));
      if (bytes != "\r") CHECK(feed(kTcp, bytes, piece, false) == Seen{bytes, 0});
    }
  }
  // A word that may become a method waits for the rest of its line, and passes when the client
  // ends.
  CHECK(feed(kTcp, "GE", 1, false) == Seen{"", 0});
  CHECK(feed(kTcp, "GE", 1) == Seen{"GE", 0});
  CHECK(feed(kTcp, "\r", 1) == Seen{"\r", 0});
  // The end is inside the head.
  CHECK(feed(kTcp, "GET / HTTP/1.1\r\nOrigin: x\r\n", 1) == Seen{"", 400});
  CHECK(feed(kHttp, "SSH-2.0-x\r\n", 100).status == 400);
}

TEST_CASE("guard attack: each request of a connection is judged, pipelined or after bodies") {
  const auto good = get(kOwnHost);
  const auto evil = get(kOwnHost + "Sec-Fetch-Site: cross-site\r\n");
  const std::string post = "POST / HTTP/1.1\r\n" + kOwnHost;
  const std::vector<std::string> before = {
      good, good + good + "\r\n" + good, post + "Content-Length: 5\r\n\r\nhello",
      // a body that looks like a request is still a body
      post + "Content-Length: " + std::to_string(good.size()) + "\r\n\r\n" + good,
      post + "Content-Length: 0\r\n\r\n",
      post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
      post + "Transfer-Encoding: Chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n",
      "GET / HTTP/1.0\r\n" + kOwnHost + "Connection: keep-alive\r\n\r\n",
      good + "PROPFIND / HTTP/1.1\r\n" + kOwnHost + "\r\n"};
  for (const auto& first : before) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{4096}}) {
      INFO(first);
      CHECK(feed(kTcp, first, piece) == Seen{first, 0});
      CHECK(feed(kTcp, first + evil + good, piece) == Seen{first, 403});
    }
  }
}

TEST_CASE("guard attack: a length that can be read in two ways is refused") {
  const std::string post = "POST / HTTP/1.1\r\n" + kOwnHost;
  const std::vector<std::string> bad = {
      post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
      post + "Content-Length: +5\r\n\r\n",
      post + "Content-Length: 5, 5\r\n\r\n",
      post + "Content-Length:\r\n\r\n",
      post + "Content-Length: 99999999999999999999\r\n\r\n",
      post + "Transfer-Encoding: gzip, chunked\r\n\r\n",
      post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      post + "Host : x\r\n\r\n",
      post + " folded\r\n\r\n",
      post + "X: a\nY: b\r\n\r\n"};
  for (const auto& request : bad) {
    INFO(request);
    CHECK(feed(kTcp, request, request.size()) == Seen{"", 400});
  }
  const auto chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::string chunk :
       {"x\r\n", "-1\r\n", "5\nhello\r\n", "5 \r\n", "\r\n", "1000000000000000\r\n", ";\r\n"}) {
    INFO(chunk);
    CHECK(feed(kTcp, chunked + chunk, 4096, false) == Seen{chunked, 400});
  }
  CHECK(feed(kTcp, chunked + std::string(kMaxChunkLine + 2, '0'), 999, false).status == 400);
  CHECK(feed(kTcp, get("X: " + std::string(kMaxGuardedHead, 'x') + "\r\n"), 4096).status == 431);
  std::string many;
  for (std::size_t i = 0; i <= kMaxGuardedHeaders; ++i) many += "X: y\r\n";
  CHECK(feed(kTcp, get(many), 4096).status == 431);
  CHECK(feed(kTcp, "GET /" + std::string(kMaxGuardedHead, 'x'), 4096, false).status == 431);
}

TEST_CASE("guard: after an upgrade everything passes; after a single request nothing does") {
  const auto upgrade = get(kOwnHost + "Connection: Upgrade\r\nUpgrade: websocket\r\n");
  const auto evil = get(kOwnHost + "Origin: https://evil.example\r\n");
  CHECK(feed(kTcp, upgrade + evil, 4096) == Seen{upgrade + evil, 0});
  const OwnNames single{"db.acme.example", 0, false, true};
  const std::string post =
      "POST / HTTP/1.1\r\nHost: db.acme.example\r\nContent-Length: 2\r\n\r\nok";
  CHECK(feed(single, post + evil + "more", 4096) == Seen{post, 0});
  CHECK(feed(single, post + evil + "more", 1) == Seen{post, 0});
}

TEST_CASE("guard: the same bytes are decided alike however they are cut") {
  std::uint64_t state = 1;  // xorshift: the same cuts each run
  const auto below = [&](std::uint64_t bound) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    return state % bound;
  };
  const std::vector<std::string> pieces = {
      get(kOwnHost),
      get(kOwnHost + "Origin: null\r\n"),
      "\r\n",
      "5\r\nhello\r\n",
      "0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kOwnHost + "Transfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kOwnHost + "Content-Length: 7\r\n\r\n",
      "1234567",
      "x",
      "\n"};
  for (int round = 0; round < 500; ++round) {
    std::string stream = get(kOwnHost);
    for (std::uint64_t i = below(6); i > 0; --i) stream += pieces[below(pieces.size())];
    const auto whole = feed(kTcp, stream, stream.size());
    INFO(round << " " << stream);
    CHECK(feed(kTcp, stream, 1) == whole);
    CHECK(feed(kTcp, stream, 1 + below(40)) == whole);
  }
}

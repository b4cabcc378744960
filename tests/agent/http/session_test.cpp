// A session whose client and upstream are played by the test.
#include "agent/http/session.hpp"

#include <catch2/catch.hpp>

#include "agent/http/h1_client.hpp"

using namespace culvert;
using namespace culvert::http;

namespace {

constexpr const char* kApi = "api.acme.example.com";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string get(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: api.acme.example.com\r\n" + headers + "\r\n";
}
std::string post(const std::string& headers, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: api.acme.example.com\r\n" + headers + "\r\n" + body;
}

struct MemoryLog final : AccessLog {
  Status ready() override {
    if (full) return fail(ErrorCode::kUnavailable, "the disk is full");
    return {};
  }
  void write(std::string line) override { lines.push_back(std::move(line)); }
  std::vector<std::string> lines;
  bool full = false;
};

struct Play {
  explicit Play(Identity who = {"alice@vendor.example", "sha256:ab", "ed25519:cd", 17}) {
    auto made = std::make_shared<Routes>();
    REQUIRE(made->add("", "/", 0));
    REQUIRE(made->add("", "/v1/", 1));
    SessionOptions options;
    options.routes = made;
    options.service = options.tls_name = kApi;
    options.client = "fd63::1";
    options.who = std::move(who);
    options.log = log;
    session.emplace(std::move(options), now);
  }
  void settle() {
    for (Effects effects;;) {
      session->drain(effects);
      std::optional<UpstreamId> connect;
      for (const auto& effect : effects.upstreams) {
        if (effect.connect) {
          connects.push_back(*effect.connect);
          upstream_id = effect.upstream;
          connect = effect.upstream;
        }
        to_upstream += text(effect.bytes);
        upstream_finished |= effect.finish;
        closes += effect.close ? 1 : 0;
        gentle_closes += effect.close && effect.gently ? 1 : 0;
      }
      to_client += text(effects.to_client);
      client_finished |= effects.finish_client;
      if (effects.end) {
        REQUIRE_FALSE(end);
        end = effects.end;
      }
      if (!connect) return;
      if (!connecting) session->handle_connected(now, *connect);
    }
  }
  bool open() const { return !end; }
  bool ended_gently() const { return end && !end->at_once; }
  bool ended_at_once() const { return end && end->at_once; }
  void client(const std::string& bytes) {
    session->handle_client(now, view(bytes));
    settle();
  }
  void client_by_byte(const std::string& bytes) {
    for (const char c : bytes) client({c});
  }
  void upstream(const std::string& bytes) {
    session->handle_upstream(now, upstream_id, view(bytes));
    settle();
  }
  void upstream_by_byte(const std::string& bytes) {
    for (const char c : bytes) upstream({c});
  }
  void upstream_ends() {
    session->handle_upstream_end(now, upstream_id);
    settle();
  }
  void upstream_lost() {
    session->handle_upstream_lost(now, upstream_id, "reset");
    settle();
  }
  void client_ends() {
    session->handle_client_end(now);
    settle();
  }
  void wait() {  // until the session's next deadline
    REQUIRE(session->next_deadline() != Instant::never());
    now.steady = session->next_deadline();
    session->handle_timeout(now);
    settle();
  }
  bool refused(int status) const {
    return to_client.starts_with("HTTP/1.1 " + std::to_string(status) + " ") &&
           to_client.find("Connection: close\r\n") != std::string::npos && ended_gently();
  }
  bool logged(std::size_t line, const std::string& part) const {
    return log->lines.size() > line && log->lines[line].find(part) != std::string::npos;
  }

  Now now{{1000}, {1790000000}};
  std::shared_ptr<MemoryLog> log = std::make_shared<MemoryLog>();
  std::optional<Session> session;
  std::string to_upstream, to_client;
  std::vector<std::size_t> connects;
  int closes = 0;
  int gentle_closes = 0;
  bool upstream_finished = false, client_finished = false;
  bool connecting = false;   // true: connections are not made at once
  UpstreamId upstream_id{};  // the newest connection
  std::optional<End> end;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("http session: keep-alive on both sides, by single bytes", "[http]") {
  Play play;
  for (int i = 0; i < 3; ++i) {
    play.client_by_byte(get("/a?token=secret"));
    CHECK(count(play.to_upstream, "GET /a?token=secret HTTP/1.1\r\n") == std::size_t(i) + 1);
    play.upstream_by_byte(kOk);
    CHECK(count(play.to_client, "\r\n\r\nok") == std::size_t(i) + 1);
  }
  CHECK(play.connects == std::vector<std::size_t>{0});
  CHECK(play.open());
  CHECK(play.to_client.find("Connection") == std::string::npos);
  CHECK(play.to_upstream.find("Connection") == std::string::npos);
  REQUIRE(play.log->lines.size() == 3);
  CHECK(play.logged(2, R"("request":"17-3","audit":17)"));
  CHECK(
      play.logged(2, R"("path":"/a","query":"redacted","status":200,"bytes_in":0,"bytes_out":2)"));
  CHECK_FALSE(play.logged(2, "secret"));
}

TEST_CASE("http session: pipelined requests are answered in order, each by its route", "[http]") {
  Play play;
  play.client(get("/a") + get("/v1/b") + get("/c"));
  CHECK(play.connects == std::vector<std::size_t>{0});
  CHECK(count(play.to_upstream, "GET ") == 1);  // one request at a time
  play.upstream("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA");
  CHECK(play.connects == std::vector<std::size_t>{0, 1});
  CHECK(play.closes == 1);
  play.upstream("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB");
  play.upstream("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nC");
  CHECK(play.connects == std::vector<std::size_t>{0, 1, 0});
  CHECK(play.to_client.find('A') < play.to_client.find('B'));
  CHECK(count(play.to_client, "HTTP/1.1 200 OK") == 3);
  CHECK(play.to_client.ends_with("C"));
}

TEST_CASE("http session: what is behind an end is still answered", "[http]") {
  Play play;
  play.connecting = true;
  play.client(post("Content-Length: 3\r\n", "abc") + get("/2") + "GET /cut");
  play.client_ends();
  play.connecting = false;
  play.session->handle_connected(play.now, play.upstream_id);
  play.settle();
  CHECK(play.to_upstream.ends_with("\r\n\r\nabc"));
  play.upstream(kOk);
  play.upstream(kOk);
  CHECK(count(play.to_client, "200 OK") == 2);
  CHECK(play.ended_gently());
}

TEST_CASE("http session: chunked bodies are chunked anew, both ways", "[http]") {
  Play play;
  play.client_by_byte(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"));
  CHECK(
      play.to_upstream.ends_with("Transfer-Encoding: chunked\r\n\r\n"
                                 "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"));
  play.upstream(kChunked + "2\r\nde\r\n0\r\n\r\n");
  CHECK(play.to_client == kChunked + "2\r\nde\r\n0\r\n\r\n");
  CHECK(play.logged(0, R"("bytes_in":3,"bytes_out":2)"));
  CHECK(play.closes == 0);
}

TEST_CASE("http session: an answer to the end is chunked; cut short, so is ours", "[http]") {
  Play play;
  play.client(get("/"));
  play.upstream("HTTP/1.1 200 OK\r\n\r\nto the end");
  if (GENERATE(true, false)) {
    play.upstream_ends();
    CHECK(play.to_client == kChunked + "a\r\nto the end\r\n0\r\n\r\n");
    CHECK(play.open());
    play.client(get("/"));
    CHECK(play.connects.size() == 2);
  } else {
    play.upstream_lost();
    CHECK(play.to_client == kChunked + "a\r\nto the end\r\n");
    CHECK(play.ended_at_once());
    CHECK(play.logged(0, R"("error":"upstream: reset")"));
  }
}

TEST_CASE("http session: an answer shorter than it says is cut, not ended", "[http]") {
  Play play;
  play.client(get("/"));
  play.upstream("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort");
  play.upstream_ends();
  CHECK(play.ended_at_once());
}

TEST_CASE("http session: HEAD, 204 and 304 have no body", "[http]") {
  Play play;
  play.client("HEAD / HTTP/1.1\r\nHost: api.acme.example.com\r\n\r\n");
  play.upstream("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
  play.client(get("/"));
  play.upstream("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n");
  play.client(get("/"));
  play.upstream("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(play.to_client ==
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  CHECK(play.log->lines.size() == 3);
  CHECK(play.connects.size() == 1);
}

TEST_CASE("http session: 100-continue is passed on, other interim answers too", "[http]") {
  Play play;
  play.client(post("Content-Length: 3\r\nExpect: 100-continue\r\n"));
  CHECK(play.to_upstream.ends_with("Expect: 100-continue\r\n\r\n"));
  play.upstream("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(play.to_client == "HTTP/1.1 100 Continue\r\n\r\n");
  play.client("abc");
  play.upstream("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + kOk);
  CHECK(play.to_client ==
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + kOk);
  play.client(get("/"));
  play.to_client.clear();
  play.upstream("HTTP/1.1 100 Continue\r\n\r\n" + kOk);  // no request expected 100 Continue
  CHECK(play.to_client == kOk);
}

TEST_CASE("http session: interim answers without end are refused", "[http]") {
  Play play;
  play.client(get("/"));
  for (std::size_t i = 0; i <= kMaxInterim; ++i) play.upstream("HTTP/1.1 102 Processing\r\n\r\n");
  CHECK(play.ended_gently());
  CHECK(play.to_client.find("502 Bad Gateway") != std::string::npos);
}

TEST_CASE("http session: an answer before the body's end is the last one", "[http]") {
  Play play;
  play.client(post("Content-Length: 10\r\nExpect: 100-continue\r\n"));
  play.upstream("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  CHECK(play.to_client ==
        "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(play.ended_gently());
  CHECK(play.closes == 1);
}

TEST_CASE("http session: an upgrade becomes a pipe, with half-closes", "[http]") {
  Play play;
  play.client(get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  CHECK(play.to_upstream.ends_with("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
  play.upstream(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "\r\nfirst");
  CHECK(
      play.to_client ==
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
  play.to_upstream.clear();
  play.client("GET / HTTP/1.1\r\nanything\0");  // no HTTP: bytes for the upstream
  CHECK(play.to_upstream == "GET / HTTP/1.1\r\nanything");
  play.upstream("more");
  play.client_ends();
  CHECK(play.upstream_finished);
  CHECK(play.open());
  play.upstream("last");
  play.upstream_ends();
  CHECK(play.to_client.ends_with("firstmorelast"));
  CHECK(play.ended_gently());
  CHECK(play.gentle_closes == 1);
  CHECK(play.logged(0, R"("status":101,"bytes_in":24,"bytes_out":13)"));
}

TEST_CASE("http attack: a request behind an upgrade is refused", "[http]") {
  Play play;
  play.client(get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n") + get("/smuggled"));
  CHECK(count(play.to_upstream, "GET ") == 1);
  play.upstream(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(play.refused(400));
  CHECK(play.to_upstream.find("smuggled") == std::string::npos);
}

TEST_CASE("http attack: a 200 is no upgrade, and nothing follows it", "[http]") {
  Play play;
  play.client(get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n") + get("/smuggled"));
  play.upstream(kOk);
  CHECK(play.to_client == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  CHECK(play.ended_gently());
  CHECK(count(play.to_upstream, "GET ") == 1);
}

TEST_CASE("http attack: bytes of an upstream that nobody asked for answer nobody", "[http]") {
  Play play;
  play.client(get("/"));
  const bool late = GENERATE(true, false);
  if (late) {
    play.upstream(kOk);
    play.upstream("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  } else {
    play.upstream(kOk + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  }
  CHECK(play.closes == 1);
  play.client(get("/"));
  CHECK(play.connects.size() == 2);
  play.upstream(kOk);
  CHECK(play.to_client == kOk + kOk);
}

TEST_CASE("http attack: what is refused reaches no upstream and ends the connection", "[http]") {
  Play play;
  const auto [raw, status] = GENERATE(table<std::string, int>({
      {"garbage\r\n\r\n", 400},
      {"GET / HTTP/1.1\n", 400},
      {get("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"GET / HTTP/1.1\r\nHost: db.acme.example.com\r\n\r\n", 421},
      {std::string(kRequestLimits.size, 'a'), 431},
  }));
  CAPTURE(raw.substr(0, 80));
  play.client(raw + get("/next"));
  CHECK(play.refused(status));
  CHECK(play.connects.empty());
  CHECK(play.to_upstream.empty());
  CHECK(play.logged(0, "\"status\":" + std::to_string(status)));
  play.client(get("/later"));
  CHECK(play.to_upstream.empty());
}

TEST_CASE("http attack: a broken chunk ends both sides", "[http]") {
  Play play;
  play.client(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n5;x\r\n" + get("/smuggled")));
  CHECK(play.refused(400));
  CHECK(play.closes == 1);
  CHECK(play.to_upstream.find("smuggled") == std::string::npos);
  CHECK_FALSE(play.to_upstream.ends_with("0\r\n\r\n"));
}

TEST_CASE("http attack: a broken answer is a bad gateway", "[http]") {
  Play play;
  play.client(get("/"));
  play.upstream(
      GENERATE("garbage\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
               "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
               "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n"));
  CHECK(play.refused(502));
}

TEST_CASE("http session: no identity, no request", "[http]") {
  const auto who = GENERATE(values<Identity>({{"", "g", "d", 1},
                                              {"p", "", "d", 1},
                                              {"p", "g", "", 1},
                                              {"p\r\nA: b", "g", "d", 1},
                                              {"p q", "g", "d", 1}}));
  Play play(who);
  play.client(get("/"));
  CHECK(play.refused(403));
  CHECK(play.connects.empty());
}

TEST_CASE("http session: no access log, no request", "[http]") {
  Play play;
  play.client(get("/"));
  play.log->full = true;
  play.upstream(kOk);  // the exchange had begun before
  CHECK(play.to_client == kOk);
  play.to_client.clear();
  play.client(get("/"));
  CHECK(play.refused(503));
  CHECK(count(play.to_upstream, "GET ") == 1);
}

TEST_CASE("http session: no route is 404 from us", "[http]") {
  auto routes = std::make_shared<Routes>();
  REQUIRE(routes->add("", "/v1", 0));
  Session session({routes, kApi, kApi, "::1", {"p", "g", "d", 1}, nullptr, kResponseTime}, {});
  session.handle_client({}, view(get("/v2")));
  Effects effects;
  session.drain(effects);
  CHECK(text(effects.to_client).starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(effects.upstreams.empty());
}

TEST_CASE("http session: a kept connection that had gone is made again, once", "[http]") {
  Play play;
  play.client(get("/"));
  play.upstream(kOk);
  SECTION("a request that may be repeated") {
    play.client(get("/2"));
    play.upstream_lost();
    CHECK(play.connects.size() == 2);
    CHECK(count(play.to_upstream, "GET /2 ") == 2);
    play.upstream_lost();
    CHECK(play.to_client.find("502 Bad Gateway") != std::string::npos);
    CHECK(play.connects.size() == 2);
  }
  SECTION("one that may not") {
    play.client(post("Content-Length: 0\r\n"));
    play.upstream_ends();
    CHECK(play.connects.size() == 1);
    CHECK(play.to_client.find("502 Bad Gateway") != std::string::npos);
  }
  SECTION("it goes while idle") {
    play.upstream_ends();
    play.client(post("Content-Length: 0\r\n"));
    CHECK(play.connects.size() == 2);
  }
}

TEST_CASE("http session: an upstream that cannot be reached is a bad gateway", "[http]") {
  Play play;
  play.connecting = true;
  play.client(get("/"));
  CHECK(play.session->next_deadline() == Instant::never());  // only the connect has a timeout
  play.upstream_lost();
  CHECK(play.refused(502));
  CHECK(play.logged(0, R"("error":"upstream: reset")"));
}

TEST_CASE("http session: every wait has its end", "[http]") {
  Play play;
  const Instant start = play.now.steady;
  SECTION("before any request") {
    play.wait();
    CHECK(play.now.steady - start == kKeepAliveTime);
    CHECK(play.ended_gently());
    CHECK(play.to_client.empty());
  }
  SECTION("within a head, however slowly it drips") {
    play.client("G");
    play.now.steady += kHeadTime / 2;
    play.client("E");
    play.wait();
    CHECK(play.now.steady - start == kHeadTime);
    CHECK(play.refused(408));
  }
  SECTION("within a body") {
    play.client(post("Content-Length: 5\r\n", "ab"));
    play.wait();
    CHECK(play.now.steady - start == kBodyTime);
    CHECK(play.refused(408));
  }
  SECTION("for an answer") {
    play.client(get("/"));
    play.wait();
    CHECK(play.now.steady - start == kResponseTime);
    CHECK(play.refused(504));
  }
  SECTION("within an answer") {
    play.client(get("/"));
    play.upstream("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    play.wait();
    CHECK(play.now.steady - start == kIdleTime);
    CHECK(play.ended_at_once());
    CHECK(play.logged(0, R"("error":"idle")"));
  }
}

TEST_CASE("http session: memory is bounded while an upstream is awaited", "[http]") {
  Play play;
  play.connecting = true;
  play.client(post("Content-Length: 1000000\r\n"));
  std::size_t taken = 0;
  while (play.session->wants_client()) {
    play.client(std::string(4096, 'x'));
    taken += 4096;
  }
  CHECK(taken <= kMaxPipelined + 4096);
  play.session->handle_connected(play.now, play.upstream_id);
  play.settle();
  CHECK(play.session->wants_client());
}

TEST_CASE("http session: a flow that is cut is logged", "[http]") {
  Play play;
  play.client(get("/"));
  play.upstream("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
  play.session->abandon(play.now, "revoked");
  play.settle();
  CHECK(play.ended_at_once());
  CHECK(play.logged(0, R"("status":200,"bytes_in":0,"bytes_out":2)"));
  CHECK(play.logged(0, R"("error":"revoked")"));
}

TEST_CASE("http session: an upstream is closed gently only after whole exchanges", "[http]") {
  Play play;
  play.client(post("Content-Length: 3\r\n", "abc"));
  SECTION("the client ends between requests") {
    play.upstream(kOk);
    play.client_ends();
    CHECK(play.gentle_closes == 1);
  }
  SECTION("the next request has another route") {
    play.upstream(kOk);
    play.client(get("/v1/"));
    CHECK(play.gentle_closes == 1);
  }
  SECTION("the upstream ends the connection with its answer") {
    play.upstream("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    CHECK(play.gentle_closes == 1);
  }
  SECTION("no answer in time") {
    play.wait();
    CHECK(play.gentle_closes == 0);
  }
  SECTION("the owner's end") {
    play.upstream(kOk);
    play.session->abandon(play.now, "revoked");
    play.settle();
    CHECK(play.gentle_closes == 0);
  }
  SECTION("bytes that answer no request") {
    play.upstream(kOk);
    play.upstream(kOk);
    CHECK(play.gentle_closes == 0);
  }
  CHECK(play.closes == 1);
}

TEST_CASE("http session: an answer before the body's end closes its upstream at once", "[http]") {
  Play play;
  play.client(post("Content-Length: 3\r\n", "ab"));
  play.upstream(kOk);
  CHECK(play.closes == 1);
  CHECK(play.gentle_closes == 0);
}

TEST_CASE("http session: trailers pass in both directions", "[http]") {
  Play play;
  play.client_by_byte(
      post("TE: trailers\r\nTrailer: X-Checksum, Host\r\nTransfer-Encoding: chunked\r\n",
           "1\r\na\r\n0\r\nX-Checksum: 7\r\nHost: evil\r\nCulvert_User: mallory\r\n\r\n"));
  CHECK(play.to_upstream.find("\r\nConnection: TE\r\nTE: trailers\r\n\r\n") != std::string::npos);
  CHECK(count(play.to_upstream, "\r\nTrailer: X-Checksum\r\n") == 1);
  CHECK(play.to_upstream.ends_with("\r\n\r\n1\r\na\r\n0\r\nX-Checksum: 7\r\n\r\n"));
  const std::string head = kChunked.substr(0, kChunked.size() - 2);
  play.upstream_by_byte(head +
                        "Trailer: grpc-status,Set-Cookie,grpc-message\r\n\r\n"
                        "1\r\nb\r\n0\r\nGrpc-Status: 0\r\nContent-Length: 9\r\n"
                        "Set-Cookie: a=b\r\nGrpc-Message: fine\r\n\r\n");
  CHECK(play.to_client ==
        "HTTP/1.1 200 OK\r\nTrailer: grpc-status, grpc-message\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "1\r\nb\r\n0\r\nGrpc-Status: 0\r\nGrpc-Message: fine\r\n\r\n");
  CHECK(play.open());
  CHECK(play.closes == 0);
  play.client(get("/"));  // both connections are reused
  CHECK(play.connects.size() == 1);
}

TEST_CASE("http session: a body without trailers has none, whatever its framing", "[http]") {
  Play play;
  play.client(get("/", "TE: trailers\r\n"));
  play.upstream("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n\r\nto the end");
  play.upstream_ends();
  CHECK(play.to_client == kChunked + "a\r\nto the end\r\n0\r\n\r\n");
}

TEST_CASE("http attack: trailers that are too many, or broken, end both sides", "[http]") {
  Play play;
  const std::string trailers =
      GENERATE_COPY(as<std::string>{}, "X: " + std::string(kMaxTrailerSize, 'x') + "\r\n",
                    "A : b\r\n", std::string("A: b\r\n c\r\n"), std::string("\x01: b\r\n"));
  play.client(post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n" + trailers + "\r\n"));
  CHECK(play.refused(400));
  CHECK_FALSE(play.to_upstream.ends_with("0\r\n\r\n"));
}

// Parallel streams: a session with codecs of this test, which do not speak HTTP. What the tests
// show is true for every codec that follows codec.hpp, for example a future codec of HTTP/2.
#include <catch2/catch.hpp>
#include <deque>

#include "agent/http/session.hpp"

using namespace culvert;
using namespace culvert::http;

namespace {

constexpr const char* kApi = "api.acme.example.com";

Request request_for(const std::string& path, Framing body = {}) {
  Request out;
  out.method = "GET";
  out.host = kApi;
  out.path = path;
  out.body = body;
  return out;
}

// A client whose requests and bodies come from the test. Records what the session tells it.
struct FakeClient final : ClientCodec {
  struct Body {
    std::deque<std::string> pieces;
    bool ended = false, cancelled = false;
    HttpHeaders trailers;
    std::string present;
  };

  void handle_bytes(ByteView) override {}
  void handle_end() override {}
  void keep_unread() override {}
  bool wants_bytes() const override { return true; }
  bool within_head() const override { return false; }
  Result<std::optional<Incoming>, Refusal> next_request() override {
    if (requests.empty()) return std::nullopt;
    auto next = std::move(requests.front());
    requests.pop_front();
    return next;
  }
  Result<BodyPiece, Refusal> read_body(StreamId stream) override {
    Body& body = bodies[stream];
    BodyPiece out;
    if (!body.pieces.empty()) {
      body.present = body.pieces.front();
      body.pieces.pop_front();
      out.data = view(body.present);
    } else if (body.cancelled) {
      out.then = BodyPiece::Then::kCancelled;
    } else if (body.ended) {
      out.then = BodyPiece::Then::kEnd;
      out.trailers = body.trailers;
    }
    return out;
  }
  void note(StreamId stream, const std::string& what) { told[stream] += what + " "; }
  void interim(StreamId stream, const Response& response) override {
    note(stream, std::to_string(response.status));
  }
  void head(StreamId stream, const Response& response) override {
    note(stream, std::to_string(response.status));
  }
  Result<void, Refusal> switch_protocols(StreamId stream, const Response&) override {
    note(stream, "101");
    return {};
  }
  void body(StreamId stream, ByteView data) override { note(stream, std::string(text(data))); }
  void finish(StreamId stream, const HttpHeaders& trailers) override {
    note(stream, "end");
    for (const auto& [name, value] : trailers.list()) note(stream, name + "=" + value);
  }
  void refuse(std::optional<StreamId> stream, const Refusal& refusal) override {
    note(stream.value_or(StreamId{}), "refused:" + std::to_string(refusal.status));
  }
  void reset(StreamId stream, EndKind, const std::string&) override { note(stream, "reset"); }
  CodecOutput drain() override { return {}; }
  const std::optional<End>& end() const override { return over; }

  std::deque<Incoming> requests;
  std::map<StreamId, Body> bodies;
  std::map<StreamId, std::string> told;
  std::optional<End> over;
};

// A connection with many streams.
struct FakeUpstream final : UpstreamCodec {
  struct Answer {
    std::optional<Response> head;
    std::deque<std::string> pieces;
    bool ended = false;
    HttpHeaders trailers;
    std::string present;
  };

  bool can_open() const override { return streams < most; }
  StreamId open(const Request& request) override {
    note(StreamId{++streams},
         request.path + " " + std::string(request.headers.one("Culvert-User")));
    return StreamId{streams};
  }
  void note(StreamId stream, const std::string& what) { told[stream] += what + " "; }
  void body(StreamId stream, ByteView data) override { note(stream, std::string(text(data))); }
  void finish(StreamId stream, const HttpHeaders& trailers) override {
    note(stream, "end");
    for (const auto& [name, value] : trailers.list()) note(stream, name + "=" + value);
  }
  void cancel(StreamId stream) override { note(stream, "cancelled"); }
  void handle_bytes(ByteView) override {}
  bool handle_end() override { return false; }
  void keep_unread() override {}
  bool is_untouched(StreamId) const override { return true; }
  Result<std::optional<Response>> read_head(StreamId stream) override {
    return std::exchange(answers[stream].head, std::nullopt);
  }
  Result<BodyPiece> read_body(StreamId stream) override {
    Answer& answer = answers[stream];
    BodyPiece out;
    if (!answer.pieces.empty()) {
      answer.present = answer.pieces.front();
      answer.pieces.pop_front();
      out.data = view(answer.present);
    } else if (answer.ended) {
      out.then = BodyPiece::Then::kEnd;
      out.trailers = answer.trailers;
    }
    return out;
  }
  CodecOutput drain() override { return {}; }

  std::uint32_t streams = 0;
  std::uint32_t most = 100;
  std::map<StreamId, Answer> answers;
  std::map<StreamId, std::string> told;
};

struct MemoryLog final : AccessLog {
  Status ready() override { return {}; }
  void write(std::string line) override { lines.push_back(std::move(line)); }
  std::vector<std::string> lines;
};

struct Play {
  Play() {
    auto routes = std::make_shared<Routes>();
    REQUIRE(routes->add("", "/", 0));
    REQUIRE(routes->add("", "/v1", 1));
    Codecs codecs;
    auto made = std::make_unique<FakeClient>();
    client = made.get();
    codecs.client = std::move(made);
    codecs.upstream = [this] {
      auto next = std::make_unique<FakeUpstream>();
      upstreams.push_back(next.get());
      return next;
    };
    session.emplace(SessionOptions{routes, kApi, kApi, "::1", {"p", "g", "d", 1}, log}, now,
                    std::move(codecs));
  }
  // The stream's request arrives.
  void ask(std::uint32_t stream, Request request) {
    client->requests.push_back({StreamId{stream}, request.method, std::move(request)});
    turn();
  }
  void answer(std::size_t upstream, std::uint32_t stream, const std::string& data, bool last) {
    auto& answer = upstreams[upstream]->answers[StreamId{stream}];
    if (!data.empty()) answer.pieces.push_back(data);
    answer.ended = last;
    session->handle_upstream(now, UpstreamId{std::uint32_t(upstream + 1)}, view("x"));
    settle();
  }
  void head(std::size_t upstream, std::uint32_t stream, int status) {
    upstreams[upstream]->answers[StreamId{stream}].head = Response{status, "", {}, true, {}};
  }
  void turn() {
    session->handle_client(now, view("x"));
    settle();
  }
  void settle() {
    Effects effects;
    session->drain(effects);
    for (const auto& effect : effects.upstreams) {
      if (effect.connect) session->handle_connected(now, effect.upstream);
      closes += effect.close ? 1 : 0;
    }
    ended |= effects.end.has_value();
  }
  std::string told(std::uint32_t stream) { return client->told[StreamId{stream}]; }
  std::string asked(std::size_t upstream, std::uint32_t stream) {
    return upstreams[upstream]->told[StreamId{stream}];
  }

  Now now{{1000}, {1790000000}};
  std::shared_ptr<MemoryLog> log = std::make_shared<MemoryLog>();
  FakeClient* client = nullptr;          // owned by the session
  std::vector<FakeUpstream*> upstreams;  // in order of creation; owned by the session
  std::optional<Session> session;
  int closes = 0;
  bool ended = false;
};

}  // namespace

TEST_CASE("http streams: many share one connection and are answered in any order", "[http]") {
  Play play;
  play.ask(1, request_for("/a"));
  play.ask(3, request_for("/b"));
  play.ask(5, request_for("/c"));
  REQUIRE(play.upstreams.size() == 1);
  CHECK(play.asked(0, 2) == "/b p ");
  play.head(0, 3, 200);
  play.answer(0, 3, "third", true);
  CHECK(play.told(5) == "200 third end ");
  play.head(0, 1, 404);
  play.answer(0, 1, "first", true);
  CHECK(play.told(1) == "404 first end ");
  CHECK(play.told(3).empty());
  CHECK(play.log->lines.size() == 2);
  CHECK_FALSE(play.ended);
}

TEST_CASE("http streams: a full connection gets a companion, another route its own", "[http]") {
  Play play;
  play.ask(1, request_for("/a"));
  play.upstreams[0]->most = 1;
  play.ask(3, request_for("/b"));
  play.ask(5, request_for("/v1/c"));
  REQUIRE(play.upstreams.size() == 3);
  CHECK(play.asked(0, 1) == "/a p ");
  CHECK(play.asked(1, 1) == "/b p ");
  CHECK(play.asked(2, 1) == "/v1/c p ");
  CHECK(play.closes == 0);  // each connection serves a stream
}

TEST_CASE("http streams: the end of one stream leaves the others alone", "[http]") {
  Play play;
  const Framing chunked{Framing::Kind::kChunked, 0};
  play.ask(1, request_for("/a", chunked));
  play.ask(3, request_for("/b", chunked));
  SECTION("cancelled by the client") {
    play.client->bodies[StreamId{1}].cancelled = true;
    play.turn();
    CHECK(play.told(1) == "reset ");
    CHECK(play.asked(0, 1) == "/a p cancelled ");
  }
  SECTION("refused by a limit") {
    play.head(0, 1, 102);
    for (std::size_t i = 0; i <= kMaxInterim; ++i) {
      play.head(0, 1, 102);
      play.answer(0, 1, "", false);
    }
    CHECK(play.told(1).ends_with("refused:502 "));
  }
  SECTION("no body for too long") {
    play.now.steady += kBodyTime / 2;
    play.session->handle_progress(play.now);
    play.now.steady = play.session->next_deadline();
    play.session->handle_timeout(play.now);
    CHECK(play.told(1) == "refused:408 ");
    CHECK(play.told(3) == "refused:408 ");
    CHECK_FALSE(play.ended);
    return;
  }
  CHECK_FALSE(play.ended);
  CHECK(play.log->lines.size() == 1);
  auto& body = play.client->bodies[StreamId{3}];
  body.pieces = {"xy"};
  body.ended = true;
  body.trailers = {{"X-Sum", "1"}, {"Host", "evil"}};
  play.turn();
  CHECK(play.asked(0, 2) == "/b p xy end X-Sum=1 ");
}

TEST_CASE("http streams: a lost connection ends only its own streams", "[http]") {
  Play play;
  play.ask(1, request_for("/a"));
  play.ask(3, request_for("/v1/b"));
  play.head(0, 1, 200);
  play.answer(0, 1, "begun", false);
  play.session->handle_upstream_lost(play.now, UpstreamId{1}, "reset");
  play.settle();
  CHECK(play.told(1) == "200 begun reset ");
  CHECK(play.told(3).empty());
  play.head(1, 1, 200);
  play.answer(1, 1, "fine", true);
  CHECK(play.told(3) == "200 fine end ");
  CHECK_FALSE(play.ended);
}

TEST_CASE("http streams: the owner's end logs each of them", "[http]") {
  Play play;
  play.ask(1, request_for("/a"));
  play.ask(3, request_for("/v1/b"));
  play.session->abandon(play.now, "revoked");
  play.settle();
  CHECK(play.ended);
  REQUIRE(play.log->lines.size() == 2);
  CHECK(play.log->lines[1].find(R"("error":"revoked")") != std::string::npos);
}

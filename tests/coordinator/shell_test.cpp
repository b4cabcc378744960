// The shell on real sockets: TLS, HTTP, WebSocket, SQLite, with a control::Client in this process.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "coordinator/shell/server.hpp"
#include "coordinator/shell/settings.hpp"
#include "coordinator/shell/state.hpp"
#include "proto/core/overloaded.hpp"
#include "tests/coordinator/world_support.hpp"

namespace culvert::coordinator::test {
namespace {

constexpr Duration kLimit = 60s;  // until a hanging test fails; no assertion uses time

class TempState {
 public:
  TempState() {
    std::string name = "/tmp/culvert-coordinator-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempState() { std::filesystem::remove_all(path_); }
  TempState(const TempState&) = delete;
  TempState& operator=(const TempState&) = delete;
  StateFolder folder() const { return StateFolder(path_ + "/state"); }

 private:
  std::string path_;
};

// A client that is connected to a server by a real WebSocket, as in an agent's shell.
class Joined {
 public:
  Joined(runtime::Loop& loop, Rng& rng, const Endpoint& to, bool tls,
         control::ClientOptions options)
      : loop_(loop), rng_(rng), client(std::move(options), rng), timer_(loop, [this] {
          client.handle_timeout(loop_.now().steady);
          drain();
        }) {
    const auto port = std::to_string(to.port);
    url_ = http::parse_url((tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + port +
                           std::string(control::kPath))
               .value();
    runtime::TlsClientOptions unverified;  // the Noise channel inside authenticates
    unverified.verify = runtime::TlsVerify::kNone;
    if (tls) tls_ = runtime::TlsClientContext::make(unverified).value();
  }
  void start() {
    client.start(loop_.now().steady);
    drain();
  }
  void drain() {
    while (auto output = client.poll_output()) {
      std::visit(overloaded{[this](const control::OpenConnection&) { open(); },
                            [this](const control::CloseConnection&) { socket_.reset(); },
                            [this](const control::SendRecord& send) {
                              if (socket_) socket_->send(send.record);
                            }},
                 *output);
    }
    while (auto event = client.poll_event()) events.push_back(std::move(*event));
    timer_.arm_at(client.next_deadline());
  }
  template <class T>
  const T* find() const {
    for (const auto& event : events) {
      if (const auto* found = std::get_if<T>(&event)) return found;
    }
    return nullptr;
  }

 private:
  void open() {
    connect_ = std::make_unique<runtime::WebSocketConnect>(
        loop_, rng_, url_, tls_, [this](Result<std::unique_ptr<runtime::WebSocketStream>> done) {
          if (!done) {
            client.handle_closed(loop_.now().steady, done.error());
            return drain();
          }
          socket_ = *std::move(done);
          socket_->start({[this](ByteView record) {
                            client.handle_message(loop_.now().steady, record);
                            drain();
                          },
                          {},
                          [this](const runtime::Closing& why) {
                            const Error error = runtime::error_of(why, "closed");
                            client.handle_closed(loop_.now().steady, error);
                            drain();
                          }});
          client.handle_opened(loop_.now().steady);
          drain();
        });
  }

  runtime::Loop& loop_;
  Rng& rng_;

 public:
  control::Client client;
  std::vector<control::Event> events;

 private:
  runtime::Timer timer_;
  http::Url url_;
  std::shared_ptr<runtime::TlsClientContext> tls_;
  std::unique_ptr<runtime::WebSocketConnect> connect_;
  std::unique_ptr<runtime::WebSocketStream> socket_;
};

// The answer to a GET on a plain listener.
runtime::HttpAnswer get(runtime::Loop& loop, const Endpoint& at, const std::string& target) {
  std::optional<Result<runtime::HttpAnswer>> answer;
  std::unique_ptr<runtime::HttpGet> http;
  runtime::TcpConnect connect(
      loop, Endpoint{IpAddress::v4(127, 0, 0, 1), at.port}, {},
      [&](Result<std::unique_ptr<runtime::TcpStream>> stream) {
        http = std::make_unique<runtime::HttpGet>(
            loop, std::move(stream).value(),
            http::RequestHead{"GET", target, {{"Host", "localhost"}}},
            [&](Result<runtime::HttpAnswer> got) { answer = std::move(got); });
      });
  REQUIRE(loop.run_until([&] { return answer.has_value(); }, kLimit));
  return answer->value();
}

Settings local_settings(bool plain) {
  Settings settings;
  settings.listen = parse_endpoint("127.0.0.1:0").value();
  settings.metrics = parse_endpoint("127.0.0.1:0").value();
  settings.plain = plain;
  return settings;
}

TEST_CASE(
    "coordinator shell: an agent comes in through TLS and WebSocket; operators' additions count") {
  const TempState temp;
  const auto state = temp.folder();
  runtime::Loop loop;
  World world;  // for its vendor and statements; its core and clock are not used
  world.now = loop.now();
  crypto::SystemRng rng;
  REQUIRE(StateFolder(state).init({"https://127.0.0.1:7443"}, rng).has_value());
  auto keys = state.keys().value();
  auto store = state.store().value();
  const bool plain = GENERATE(false, true);
  const auto settings = local_settings(plain);
  std::shared_ptr<runtime::TlsServerContext> tls;
  if (!plain) {
    const auto identity = state.certificate(loop.now().wall).value();
    CHECK(state.certificate(loop.now().wall)->certificate_sha256() ==
          identity.certificate_sha256());  // kept
    tls = runtime::TlsServerContext::make(identity).value();
  }
  const auto control_key = keys.control.public_key;
  auto server =
      Server::open(loop, settings, tls,
                   {std::move(keys.control), std::move(keys.lease), std::move(keys.ticket), {}},
                   *store, rng)
          .value();

  // Another process adds the vendor; the running server notices the change without a restart.
  auto other = state.store().value();
  REQUIRE(add_vendor(loop.now(), *other, world.vendor_bundle).has_value());
  CHECK(loop.run_until([&] { return server->counters().notes > 0; }, kLimit));

  std::vector<crypto::SigningKey> proofs;
  proofs.push_back(world.vendor_approver.key.clone());
  Joined joined(loop, rng, server->listening(), !plain,
                {control::noise::KeyPair::generate(rng), control_key, std::move(proofs)});
  const auto asked = joined.client.list(control::ListWhat::kRequests, {}).value();
  joined.start();
  REQUIRE(loop.run_until([&] { return joined.find<control::Answered>() != nullptr; }, kLimit));
  CHECK(joined.find<control::Answered>()->request == asked);
  REQUIRE(joined.find<control::Answered>()->reply.has_value());
  CHECK(joined.find<control::Answered>()->reply->notes.size() == 2);  // the vendor's root and list

  const auto admin = server->metrics().value();
  CHECK(get(loop, admin, "/healthz").head.status == 200);
  CHECK(get(loop, admin, "/readyz").head.status == 200);
  const auto metrics = get(loop, admin, "/metrics");
  CHECK(text(metrics.body).find("culvert_coordinator_connections 1") != std::string_view::npos);
  CHECK(
      text(metrics.body).find("culvert_coordinator_ends_timestamp_seconds{what=\"vendor-root\"") !=
      std::string_view::npos);
  CHECK(get(loop, admin, "/control/v1").head.status == 404);
  if (plain) {
    CHECK(get(loop, server->listening(), "/healthz").head.status == 200);
    CHECK(get(loop, server->listening(), "/metrics").head.status == 404);
    CHECK(get(loop, server->listening(), "/control/v1").head.status == 426);
  }

  // The port is taken, and the error says so.
  auto second = settings;
  second.listen = server->listening();
  auto again = state.keys().value();
  const auto taken = Server::open(
      loop, second, tls,
      {std::move(again.control), std::move(again.lease), std::move(again.ticket), {}}, *store, rng);
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().message.find(std::to_string(server->listening().port)) != std::string::npos);

  // The server goes away and comes back: the client connects again without help.
  const auto at = server->listening();
  server.reset();
  REQUIRE(loop.run_until([&] { return !joined.client.connected(); }, kLimit));
  auto same = settings;
  same.listen = at;
  auto third = state.keys().value();
  server =
      Server::open(loop, same, tls,
                   {std::move(third.control), std::move(third.lease), std::move(third.ticket), {}},
                   *store, rng)
          .value();
  CHECK(loop.run_until([&] { return joined.client.connected(); }, kLimit));
}

TEST_CASE("coordinator state: keys are made once, private, and named when missing") {
  const TempState temp;
  auto state = temp.folder();
  crypto::SystemRng rng;
  const auto missing = state.keys();
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().message.find("culvert-coordinator init") != std::string::npos);
  CHECK_FALSE(state.init({"https://host/path"}, rng).has_value());
  const auto first = state.init({"https://host:7443"}, rng).value();
  const auto second = state.init({"https://other:7443"}, rng).value();
  CHECK(first.control == second.control);
  CHECK(first.lease == second.lease);
  const auto written = std::filesystem::status(state.file("control.key")).permissions();
  CHECK(written == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("coordinator settings: defaults, a full file, and every mistake by name") {
  const auto defaults = parse_settings("{}", "test").value();
  CHECK(defaults.listen.port == 7443);
  CHECK_FALSE(defaults.plain);
  const std::string key(64, 'a');
  const auto full = parse_settings(R"({ // with comments
    "listen": "127.0.0.1:1", "state": "/s", "plain": true, "metrics": "127.0.0.1:9",
    "relays": [{"id": "eu", "host": "r.example", "key": "x25519:)" +
                                       key + R"(", "certificate": "sha256:)" + key + R"("}]})",
                                   "test");
  REQUIRE(full.has_value());
  CHECK(full->relays.at(0).port == 7444);
  CHECK(full->relays.at(0).stun_port == 3478);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"listne": ":1"})", "listne"},
      {R"({"listen": "nowhere"})", "listen"},
      {R"({"metrics": "0.0.0.0:1"})", "metrics"},
      {R"({"tls": {"cert": "a"}})", "key"},
      {R"({"plain": true, "tls": {"cert": "a", "key": "b"}})", "plain"},
      {R"({"relays": [{"id": "eu", "host": "r", "key": "x", "certificate": "y"}]})", "key"},
  };
  for (const auto& [json, names] : cases) {
    INFO(json);
    const auto refused = parse_settings(json, "test.json");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find(names) != std::string::npos);
  }
}

}  // namespace
}  // namespace culvert::coordinator::test

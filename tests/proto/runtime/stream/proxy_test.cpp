// Connections through an HTTP proxy: which connections use the proxy, what they send, and the
// message of each refusal.
#include "proto/runtime/stream/proxy.hpp"
#include "proto/core/host_port.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "proto/runtime/stream/connect.hpp"
#include "proto/runtime/stream/http.hpp"
#include "tests/proto/runtime/stream/tls_support.hpp"

namespace culvert::runtime {
namespace {

using test::kBound;
using test::loopback;
using test::Peer;

constexpr WallTime kNow{1'800'000'000};

// Answers every connection with one text when the head of the request is complete. Keeps the head.
struct FakeProxy {
  FakeProxy(Loop& loop, std::string reply) : answer(std::move(reply)) {
    auto opened = TcpListener::open(loop, loopback(),
                                    [this](std::unique_ptr<TcpStream> stream, const Endpoint&) {
                                      held = std::move(stream);
                                      StreamEvents events;
                                      events.data = [this](ByteView bytes) {
                                        request += text(bytes);
                                        if (!request.ends_with("\r\n\r\n")) return;
                                        held->write(view(answer));
                                        if (answer.empty()) held->close();
                                      };
                                      held->start(std::move(events));
                                    });
    REQUIRE(opened);
    listener = std::move(*opened);
  }
  std::string address() const { return format(listener->local_endpoint()); }

  std::string answer, request;
  std::unique_ptr<TcpListener> listener;
  std::unique_ptr<TcpStream> held;
};

std::shared_ptr<const HttpProxy> proxy_of(const std::string& url) {
  auto parsed = parse_proxy(url, "HTTPS_PROXY");
  REQUIRE(parsed);
  return std::make_shared<const HttpProxy>(std::move(*parsed));
}

std::optional<Result<std::unique_ptr<ByteStream>>> connect_by(Loop& loop,
                                                              const std::string& proxy) {
  std::optional<Result<std::unique_ptr<ByteStream>>> result;
  const StreamConnect connect(
      loop, {"far.example", 7443}, nullptr, {}, [&](auto stream) { result = std::move(stream); },
      proxy_of(proxy));
  RUN_UNTIL(loop, result.has_value());
  return result;
}

TEST_CASE("proxy: URLs, accepted and refused") {
  struct Good {
    const char* url;
    const char* at;
    const char* user_pass;
  };
  const std::vector<Good> good = {
      {"http://proxy.example:3128", "proxy.example:3128", nullptr},
      {"HTTP://proxy.example:3128/", "proxy.example:3128", nullptr},
      {"proxy.example:3128", "proxy.example:3128", nullptr},
      {"http://proxy.example", "proxy.example:80", nullptr},
      {"https://proxy.example", "proxy.example:443", nullptr},
      {"http://[fd00::1]:8080", "[fd00::1]:8080", nullptr},
      {"http://alice:s3cret@proxy.example:3128", "proxy.example:3128", "alice:s3cret"},
      {"http://alice@proxy.example:3128", "proxy.example:3128", "alice:"},
      {"alice:p%40ss%3a%2F%25w@proxy.example:3128", "proxy.example:3128", "alice:p@ss:/%w"},
      {"http://alice:p@ss:w@10.0.0.1:8080", "10.0.0.1:8080", "alice:p@ss:w"},
  };
  for (const auto& [url, at, user_pass] : good) {
    INFO(url);
    const auto proxy = parse_proxy(url, "HTTPS_PROXY");
    REQUIRE(proxy);
    CHECK(format(proxy->at) == at);
    CHECK(proxy->credentials == (user_pass ? "Basic " + to_base64(view(user_pass)) : ""));
    CHECK((proxy->tls != nullptr) == std::string_view(url).starts_with("https"));
  }
  const std::string long_url = "http://alice:s3cret@" + std::string(kMaxProxyText, 'x');
  for (const std::string url :
       {"http://", "http://:3128", "ftp://proxy.example", "http://proxy.example:0",
        "http://proxy.example:70000", "http://alice:s3cret@", "http://alice:s3/cret@proxy.example",
        "http://alice:s3cret%4@proxy.example", "http://alice:s3cret%zz@proxy.example",
        "http://alice:s3cret%0a@proxy.example", "http://a%3ab:s3cret@proxy.example",
        "http://alice:s3cret@proxy.example/path", "http://alice:s3cret@proxy.example?q",
        "socks5://alice:s3cret@proxy.example", "http://alice:s3cret@proxy example:1",
        long_url.c_str()}) {
    INFO(url);
    const auto proxy = parse_proxy(url, "HTTPS_PROXY");
    REQUIRE_FALSE(proxy);
    CHECK(proxy.error().message.find("HTTPS_PROXY") == 0);
    CHECK(proxy.error().message.find("s3") == std::string::npos);
    CHECK(proxy.error().message.find("cret") == std::string::npos);
  }
}

TEST_CASE("proxy: exceptions") {
  const ProxyRules rules(*proxy_of("http://p:1"),
                         "Inside.example, .dotted.example,*.starred.example,10.1.0.0/16 192.0.2.7,"
                         "ported.example:8443,[fd00::1]:9,fd01::/16,,!,10.0.0.0/99");
  struct Case {
    const char* host;
    std::uint16_t port;
    bool through;
  };
  for (const auto& [host, port, through] : std::vector<Case>{{"far.example", 443, true},
                                                             {"inside.example", 443, false},
                                                             {"a.INSIDE.example", 1, false},
                                                             {"notinside.example", 443, true},
                                                             {"dotted.example", 443, false},
                                                             {"a.dotted.example", 443, false},
                                                             {"a.starred.example", 443, false},
                                                             {"10.1.2.3", 443, false},
                                                             {"10.2.2.3", 443, true},
                                                             {"192.0.2.7", 443, false},
                                                             {"192.0.2.8", 443, true},
                                                             {"ported.example", 8443, false},
                                                             {"ported.example", 443, true},
                                                             {"fd00::1", 9, false},
                                                             {"fd00::1", 10, true},
                                                             {"fd01::5", 10, false},
                                                             {"localhost", 443, false},
                                                             {"127.3.2.1", 443, false},
                                                             {"::1", 443, false}}) {
    INFO(host << " " << port);
    CHECK((rules.proxy_for({host, port}) != nullptr) == through);
  }
  CHECK(ProxyRules(*proxy_of("p:1"), "x,*").proxy_for({"far.example", 443}) == nullptr);
  CHECK(ProxyRules().proxy_for({"far.example", 443}) == nullptr);
  CHECK(ProxyRules().describe().empty());
}

TEST_CASE("proxy: the environment, and a setting that wins over it") {
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"}) unsetenv(name);
  CHECK(ProxyRules::from_environment()->describe().empty());
  setenv("HTTPS_PROXY", "http://alice:s3cret@upper:1", 1);
  setenv("NO_PROXY", "near.example", 1);
  CHECK(ProxyRules::from_environment()->describe() == "upper:1 (HTTPS_PROXY)");
  CHECK(ProxyRules::from_environment()->proxy_for({"near.example", 1}) == nullptr);
  setenv("https_proxy", "lower:1", 1);
  CHECK(ProxyRules::from_environment()->describe() == "lower:1 (HTTPS_PROXY)");
  CHECK(ProxyRules::from_setting("", "https_proxy")->describe().empty());
  CHECK(ProxyRules::from_setting("set:1", "https_proxy")->describe() == "set:1 (https_proxy)");
  setenv("https_proxy", "gopher://s3cret", 1);
  CHECK_FALSE(ProxyRules::from_environment());
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"}) unsetenv(name);
}

TEST_CASE("proxy: each refusal is one line that says what to do and no secret") {
  struct Case {
    const char* answer;
    bool with_password;
    const char* says;
  };
  const std::string endless = "HTTP/1.1 200 OK\r\nX: " + std::string(http::kMaxHeadSize, 'x');
  const std::vector<Case> cases = {
      {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", false, "wants a name and a password"},
      {"HTTP/1.0 407 No\r\nContent-Length: 3\r\n\r\nno\n", true,
       "refuses the name or the password"},
      {"HTTP/1.0 401 Unauthorized\r\n\r\n", true, "refuses the name or the password (401)"},
      {"HTTP/1.1 403 Filtered\r\n\r\n", true,
       "does not allow a connection to far.example:7443 (403)"},
      {"HTTP/1.1 502 Bad Gateway\r\n\r\n", true, "cannot reach far.example:7443 (502)"},
      {"HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", true,
       "does not understand CONNECT"},
      {"HTTP/1.1 101 Switching\r\n\r\n", true, "does not understand CONNECT"},
      {"SSH-2.0-OpenSSH_9.2\r\n", true, "is not an HTTP proxy"},
      {endless.c_str(), true, "is not an HTTP proxy"},
      {"", true, "closed the connection without an answer"},
  };
  for (const auto& [answer, with_password, says] : cases) {
    INFO(std::string_view(answer).substr(0, 60));
    Loop loop;
    const FakeProxy proxy(loop, answer);
    const auto result =
        connect_by(loop, (with_password ? "http://alice:s3cret@" : "http://") + proxy.address());
    REQUIRE_FALSE(*result);
    const auto& message = result->error().message;
    INFO(message);
    CHECK(message.find(says) != std::string::npos);
    CHECK(message.find(proxy.address()) != std::string::npos);
    CHECK(message.find("s3cret") == std::string::npos);
    CHECK(message.find(to_base64(view("alice:s3cret"))) == std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("proxy: a missing proxy is named in the error") {
  Loop loop;
  std::string address;
  { address = FakeProxy(loop, "").address(); }
  const auto result = connect_by(loop, "http://alice:s3cret@" + address);
  REQUIRE_FALSE(*result);
  INFO(result->error().message);
  CHECK(result->error().message.find("the proxy of HTTPS_PROXY: connect to " + address) == 0);
}

TEST_CASE("proxy: the request to the proxy, and the bytes after the proxy's head") {
  Loop loop;
  FakeProxy proxy(loop, "HTTP/1.1 200 Connection established\r\nVia: 1.1 p\r\n\r\nhello");
  auto result = connect_by(loop, "http://alice:s3cret@" + proxy.address());
  REQUIRE(*result);
  CHECK(proxy.request ==
        "CONNECT far.example:7443 HTTP/1.1\r\nHost: far.example:7443\r\n"
        "Proxy-Authorization: Basic " +
            to_base64(view("alice:s3cret")) + "\r\n\r\n");
  Peer peer;
  peer.take(std::move(**result));
  RUN_UNTIL(loop, peer.got == "hello");
}

// A proxy that forwards, over TLS too.
struct RealProxy {
  RealProxy(Loop& l, std::shared_ptr<TlsServerContext> tls) : loop(l) {
    auto opened = TcpListener::open(
        loop, loopback(),
        [this, tls = std::move(tls)](std::unique_ptr<TcpStream> tcp, const Endpoint&) {
          std::unique_ptr<ByteStream> stream = std::move(tcp);
          if (tls) stream = TlsStream::server(loop, tls, std::move(stream));
          acceptor = std::make_unique<HttpAcceptor>(
              loop, std::move(stream),
              [this](Result<http::RequestHead> head) { got(std::move(head)); });
        });
    REQUIRE(opened);
    listener = std::move(*opened);
  }
  ~RealProxy() {  // each stream is held by the other stream's events
    if (a) a->close();
    if (b) b->close();
  }
  RealProxy(const RealProxy&) = delete;
  RealProxy& operator=(const RealProxy&) = delete;
  void got(Result<http::RequestHead> head) {
    REQUIRE(head);
    REQUIRE(head->method == "CONNECT");
    targets.push_back(head->target);
    connect = std::make_unique<TcpConnect>(loop, *parse_host_port(head->target), ConnectOptions{},
                                           [this](Result<std::unique_ptr<TcpStream>> far) {
                                             REQUIRE(far);
                                             auto near = acceptor->release();
                                             near->write(view("HTTP/1.1 200 OK\r\n\r\n"));
                                             a = std::shared_ptr<ByteStream>(std::move(near));
                                             b = std::shared_ptr<ByteStream>(std::move(*far));
                                             pass(a, b);
                                             pass(b, a);
                                           });
  }
  static void pass(const std::shared_ptr<ByteStream>& from, const std::shared_ptr<ByteStream>& to) {
    StreamEvents events;
    events.data = [to](ByteView bytes) { to->write(bytes); };
    from->start(std::move(events));
  }

  Loop& loop;
  std::vector<std::string> targets;
  std::unique_ptr<TcpListener> listener;
  std::unique_ptr<HttpAcceptor> acceptor;
  std::unique_ptr<TcpConnect> connect;
  std::shared_ptr<ByteStream> a, b;
};

TEST_CASE("proxy: TLS to the target through a proxy, itself reached plainly or by TLS") {
  const bool by_tls = GENERATE(false, true);
  Loop loop;
  const auto pinning = [](const crypto::TlsIdentity& identity) {
    TlsClientOptions options;
    options.verify = TlsVerify::kPinned;
    options.pin = identity.certificate_sha256();
    return TlsClientContext::make(std::move(options)).value();
  };
  const auto far = crypto::self_signed({"far.example", 1h, {}}, kNow);
  const auto near = crypto::self_signed({"near.example", 1h, {}}, kNow);
  Peer echo;
  const auto listener =
      TcpListener::open(loop, loopback(), [&](std::unique_ptr<TcpStream> stream, const Endpoint&) {
        echo.take(TlsStream::server(loop, test::serve(far), std::move(stream)));
      });
  REQUIRE(listener);
  const RealProxy proxy(loop, by_tls ? test::serve(near) : nullptr);
  auto by = std::make_shared<HttpProxy>();
  by->at = {"127.0.0.1", proxy.listener->local_endpoint().port};
  if (by_tls) by->tls = pinning(near);
  const HostPort to{"127.0.0.1", (*listener)->local_endpoint().port};
  Peer client;
  const StreamConnect connect(
      loop, to, pinning(far), {},
      [&](auto stream) {
        REQUIRE(stream);
        client.take(std::move(*stream));
      },
      by);
  RUN_UNTIL(loop, client.stream != nullptr);
  CHECK(proxy.targets == std::vector<std::string>{format(to)});
  client.write("question");
  RUN_UNTIL(loop, echo.got == "question");
  echo.write("answer");
  RUN_UNTIL(loop, client.got == "answer");
}

}  // namespace
}  // namespace culvert::runtime

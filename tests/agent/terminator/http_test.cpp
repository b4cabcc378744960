// HTTP mode on real streams: what the tests of the pure session (tests/agent/http) cannot check.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "agent/terminator/access_log.hpp"
#include "agent/terminator/terminator.hpp"
#include "proto/core/host_port.hpp"
#include "tests/proto/runtime/held_stream.hpp"
#include "tests/proto/runtime/stream/tls_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::terminator;
using namespace culvert::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kSite = "acme.example.com";
constexpr const char* kApi = "api.acme.example.com";
const Endpoint kFrom{*parse_address("fd63:756c:7665::1"), 40000};

struct Folder {
  Folder() {
    std::string made = fs::temp_directory_path() / "culvert-http.XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    path = made;
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return (path / name).string(); }
  fs::path path;
};

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Accepts connections one after the other; sends no answer by itself.
struct UpstreamServer {
  explicit UpstreamServer(Loop& loop, std::string greeting = "") {
    auto opened = TcpListener::open(loop, loopback(), [this, greeting](auto stream, auto) {
      peers.push_back(std::make_unique<Peer>());
      peers.back()->take(std::move(stream));
      if (!greeting.empty()) peers.back()->write(greeting);
    });
    REQUIRE(opened);
    listener = std::move(*opened);
  }
  bool got(std::string_view end) const {
    return !peers.empty() && peers.back()->got.ends_with(end);
  }
  HostPort at() const { return {"127.0.0.1", listener->local_endpoint().port}; }
  std::unique_ptr<TcpListener> listener;
  std::vector<std::unique_ptr<Peer>> peers;
};

struct House {
  explicit House(Loop& l)
      : loop(l),
        issuer(crypto::ServerIssuer::make(kSite, 24h, l.now().wall)),
        terminator(l, issuer, [this](const IpAddress&, const std::string&) -> Result<Admission> {
          return Admission{[this](const FlowEnd& end) { ends.push_back(end); },
                           {"alice@vendor.example", "sha256:ab", "ed25519:cd", 3}};
        }) {}

  void serve(const UpstreamServer& upstream, std::optional<UpstreamTls> tls = std::nullopt) {
    serve(upstream.at(), std::move(tls));
  }
  void serve(const HostPort& upstream, std::optional<UpstreamTls> tls = std::nullopt) {
    auto routes = std::make_shared<http::Routes>();
    REQUIRE(routes->add("", "/", 0));
    REQUIRE(routes->add("admin", "/", 0));
    HttpRoutes http;
    http.routes = routes;
    http.upstreams = {{upstream, std::move(tls)}};
    http.log = log;
    REQUIRE(terminator.set_service({kApi, Mode::kTls, std::move(http)}));
  }
  std::unique_ptr<ByteStream> connect(const std::string& name = kApi,
                                      std::vector<std::string> alpn = {}) {
    TcpPair pair(loop);
    hold = std::make_shared<HeldStream::Hold>();
    hold->held = false;
    auto accepted = std::make_unique<HeldStream>(std::move(pair.server), hold);
    terminator.accept(kApi, std::move(accepted), kFrom);
    TlsClientOptions options;
    options.authorities_pem = issuer.certificate_pem();
    options.server_name = name;
    options.alpn = std::move(alpn);
    return TlsStream::client(loop, *TlsClientContext::make(options), std::move(pair.client));
  }

  Loop& loop;
  crypto::ServerIssuer issuer;
  std::vector<FlowEnd> ends;
  std::shared_ptr<http::AccessLog> log;
  std::shared_ptr<HeldStream::Hold> hold;  // of the newest connection; holds nothing at first
  Terminator terminator;
};

std::string get(const std::string& host = kApi) {
  return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kWebSocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kUpgrade = "GET / HTTP/1.1\r\nHost: " + std::string(kApi) + "\r\n" + kWebSocket;
const std::string kSwitch = "HTTP/1.1 101 Switching Protocols\r\n" + kWebSocket;

// An upstream that accepts one connection and reads only when a test calls read(). The system holds
// few bytes between the terminator and this upstream: the receive buffer is small, and the small
// segments keep the terminator's send buffer small.
struct SlowUpstream {
  SlowUpstream() {
    const int segment = 536;
    const int buffer = 4096;
    ::setsockopt(listener, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    ::setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener, raw, size) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    REQUIRE(::getsockname(listener, raw, &size) == 0);
    port = ntohs(address.sin_port);
  }
  ~SlowUpstream() {
    ::close(listener);
    if (peer >= 0) ::close(peer);
  }
  SlowUpstream(const SlowUpstream&) = delete;
  SlowUpstream& operator=(const SlowUpstream&) = delete;

  HostPort at() const { return {"127.0.0.1", port}; }
  void write(const std::string& bytes) const {
    REQUIRE(::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL) == ssize_t(bytes.size()));
  }
  void finish() const { ::shutdown(peer, SHUT_WR); }
  // Reads what is there. False: the end, or an error, has come.
  bool read() {
    if (peer < 0) peer = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (peer < 0) return true;
    std::array<char, 4096> bytes{};
    const auto count = ::recv(peer, bytes.data(), bytes.size(), 0);
    if (count > 0) got.append(bytes.data(), static_cast<std::size_t>(count));
    return count > 0 || (count < 0 && errno == EAGAIN);
  }

  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int peer = -1;
  std::uint16_t port = 0;
  std::string got;
};
// The last bytes for a SlowUpstream: fewer than kHighWater, more than the system holds.
const std::string kLast(200000, 'x');

// Passes a request's head through the house and the upstream's answer back.
void ask(Loop& loop, Peer& client, SlowUpstream& upstream, const std::string& request,
         const std::string& answer) {
  client.write(request);
  RUN_UNTIL(loop, (loop.defer([] {}), upstream.read(), upstream.got.ends_with("\r\n\r\n")));
  upstream.got.clear();
  upstream.write(answer);
  if (answer == kSwitch) RUN_UNTIL(loop, client.got == kSwitch);
}

// A flow whose upstream is slow, after the upstream's first answer. All of kLast is then written.
struct SlowFlow {
  SlowFlow(const std::string& request, const std::string& answer) {
    house.serve(upstream.at());
    client.take(house.connect());
    ask(loop, client, upstream, request, answer);
    client.write(kLast);
  }
  void client_ends() {
    client.stream->finish();
    RUN_UNTIL_QUIET(loop);
  }
  void read_to_the_end() {
    RUN_UNTIL(loop, (loop.defer([] {}), !upstream.read()));
  }

  Loop loop;
  SlowUpstream upstream;
  House house{loop};
  Peer client;
};

}  // namespace

TEST_CASE("http mode: identity goes on, the connection is kept, the end is told", "[terminator]") {
  Loop loop;
  const Folder folder;
  const UpstreamServer upstream(loop);
  House house(loop);
  house.log = *AccessLogFile::open(folder.file("access.log"));
  house.serve(upstream);
  Peer client;
  client.take(house.connect(kApi, {"h2", "http/1.1"}));
  for (int i = 0; i < 2; ++i) {
    client.write(get());
    RUN_UNTIL(loop, upstream.got("\r\n\r\n"));
    CHECK(upstream.peers[0]->got.find("Culvert-User: alice@vendor.example\r\n") !=
          std::string::npos);
    upstream.peers[0]->got.clear();
    client.got.clear();
    upstream.peers[0]->write(kOk);
    RUN_UNTIL(loop, client.got == kOk);
  }
  client.stream->finish();
  RUN_UNTIL(loop, client.closed && house.ends.size() == 1);
  CHECK(client.closed->message.empty());
  CHECK(house.ends[0].reason == "finished");
  CHECK(house.ends[0].to_client == 2 * kOk.size());
  CHECK(upstream.peers.size() == 1);
  const auto lines = content(folder.file("access.log"));
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
  CHECK(lines.find(R"("request":"3-2","audit":3)") != std::string::npos);
}

TEST_CASE("http mode: a host below the service has its certificate and its Host", "[terminator]") {
  Loop loop;
  const UpstreamServer upstream(loop);
  House house(loop);
  house.serve(upstream);
  const std::string admin = std::string("admin.") + kApi;
  Peer client;
  client.take(house.connect(admin));
  SECTION("the same Host") {
    client.write(get(admin));
    RUN_UNTIL(loop, upstream.got("\r\n\r\n"));
  }
  SECTION("another Host of the service, on this connection") {
    client.write(get(kApi));
    RUN_UNTIL(loop, client.ended);
    CHECK(client.got.starts_with("HTTP/1.1 421 "));
  }
  Peer foreign;
  foreign.take(house.connect(std::string("other.") + kApi));
  RUN_UNTIL(loop, foreign.closed.has_value());
  CHECK(foreign.closed->message == "TLS: tlsv1 unrecognized name");
}

TEST_CASE("http mode: a client that speaks only HTTP/2 is refused by ALPN", "[terminator]") {
  Loop loop;
  const UpstreamServer upstream(loop);
  House house(loop);
  house.serve(upstream);
  Peer client;
  client.take(house.connect(kApi, {"h2"}));
  RUN_UNTIL(loop, client.closed.has_value());
  CHECK(client.got.empty());
}

TEST_CASE("http attack: upstream bytes before its TLS handshake answer nobody", "[terminator]") {
  Loop loop;
  const UpstreamServer upstream(loop, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  House house(loop);
  house.serve(upstream, UpstreamTls{house.issuer.certificate_pem(), "db.internal"});
  Peer client;
  client.take(house.connect());
  client.write(get());
  RUN_UNTIL(loop, client.ended);
  CHECK(client.got.starts_with("HTTP/1.1 502 "));
  CHECK(client.got.find("evil") == std::string::npos);
  CHECK(upstream.peers[0]->got.find("GET") == std::string::npos);
}

TEST_CASE("http mode: a slow reader slows the upstream down", "[terminator]") {
  Loop loop;
  const UpstreamServer upstream(loop);
  House house(loop);
  house.serve(upstream);
  Peer client;
  client.take(house.connect());
  client.write(get());
  RUN_UNTIL(loop, upstream.got("\r\n\r\n"));
  client.stream->pause();
  Peer& server = *upstream.peers[0];
  constexpr std::size_t kChunk = 128U << 10U;
  constexpr std::size_t kSize = 512 * kChunk;  // far more than all buffers on the path
  server.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n");
  std::size_t written = 0;
  const Bytes chunk(kChunk, 'x');
  const auto fill = [&] {
    while (written < kSize && server.stream->unsent() < kHighWater) {
      server.stream->write(chunk);
      written += kChunk;
    }
  };
  int still = 0;  // turns without progress
  std::size_t before = 0;
  RUN_UNTIL(loop, (fill(), loop.defer([] {}), still = written == before ? still + 1 : 0,
                   before = written, still > 200));
  CHECK(written < kSize);
  client.stream->resume();
  RUN_UNTIL(loop, (fill(), loop.defer([] {}), client.got.size() > kSize));
  CHECK(house.ends.empty());
}

TEST_CASE("http mode: a slow client gets the last bytes, though it has half-closed",
          "[terminator]") {
  Loop loop;
  const UpstreamServer upstream(loop);
  House house(loop);
  house.serve(upstream);
  Peer client;
  client.take(house.connect());
  const bool tunnel = GENERATE(true, false);
  CAPTURE(tunnel);
  client.write(tunnel ? kUpgrade : get());
  RUN_UNTIL(loop, upstream.got("\r\n\r\n"));
  Peer& server = *upstream.peers[0];
  const std::string last(100000, 'x');
  const std::string head = tunnel ? kSwitch : "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
  server.write(head);
  RUN_UNTIL(loop, client.got == (tunnel ? kSwitch : head));
  house.hold->held = true;
  server.write(last);
  client.stream->finish();
  RUN_UNTIL(loop, !tunnel || server.ended);
  server.stream->finish();
  RUN_UNTIL(loop, house.ends.size() == 1);
  CHECK(house.ends[0].reason == "finished");
  RUN_UNTIL_QUIET(loop);
  house.hold->let_go();
  RUN_UNTIL(loop, client.closed.has_value());
  CHECK(client.got == head + last);
  CHECK(client.ended);
  CHECK(client.closed->message.empty());
  RUN_UNTIL(loop, !house.hold->inner);  // nothing stays behind
}

TEST_CASE("http mode: a slow upstream gets the last bytes, though it has half-closed",
          "[terminator]") {
  SlowFlow flow(kUpgrade, kSwitch);
  const bool client_first = GENERATE(true, false);
  CAPTURE(client_first);
  if (client_first) flow.client_ends();
  flow.upstream.finish();
  RUN_UNTIL(flow.loop, flow.client.ended);
  if (!client_first) flow.client_ends();
  RUN_UNTIL(flow.loop, flow.house.ends.size() == 1 && flow.client.closed);
  CHECK(flow.house.ends[0].reason == "finished");
  CHECK(flow.client.closed->message.empty());
  flow.read_to_the_end();
  CHECK(flow.upstream.got == kLast);
}

TEST_CASE("http mode: an upstream that answers before it reads gets the whole body",
          "[terminator]") {
  const std::string length = std::to_string(kLast.size());
  SlowFlow flow("POST / HTTP/1.1\r\nHost: " + std::string(kApi) + "\r\nContent-Length: " + length +
                    "\r\n\r\n",
                "HTTP/1.1 100 Continue\r\n\r\n");
  RUN_UNTIL_QUIET(flow.loop);
  flow.upstream.write(kOk);
  RUN_UNTIL(flow.loop, flow.client.got == kOk);
  flow.client.stream->finish();
  RUN_UNTIL(flow.loop, flow.house.ends.size() == 1);
  flow.read_to_the_end();
  CHECK(flow.upstream.got == kLast);
}

TEST_CASE("http mode: a cut waits for no slow upstream", "[terminator]") {
  SlowFlow flow(kUpgrade, kSwitch);
  flow.client_ends();
  CHECK(flow.house.terminator.cut_if([](auto&&...) { return true; }, "revoked") == 1);
  flow.read_to_the_end();
  CHECK(flow.upstream.got.size() < kLast.size());
}

TEST_CASE("http mode: a cut ends a request under way, and its line says so", "[terminator]") {
  Loop loop;
  const Folder folder;
  const UpstreamServer upstream(loop);
  House house(loop);
  house.log = *AccessLogFile::open(folder.file("access.log"));
  house.serve(upstream);
  Peer client;
  client.take(house.connect());
  client.write(get());
  RUN_UNTIL(loop, upstream.got("\r\n\r\n"));
  CHECK(house.terminator.cut_if([](auto&&...) { return true; }, "revoked") == 1);
  CHECK(house.ends.at(0).reason == "revoked");
  CHECK(content(folder.file("access.log")).find(R"("error":"revoked")") != std::string::npos);
  RUN_UNTIL(loop, client.closed && upstream.peers[0]->ended);
}

TEST_CASE("access log: 0600, moved aside when full, bounded", "[terminator]") {
  const Folder folder;
  const auto path = folder.file("access.log");
  {
    const auto log = *AccessLogFile::open(path, 100);
    for (int i = 0; i < 50; ++i) log->write(std::string(49, 'x') + "\n");
    CHECK(log->ready());
  }
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0600U);
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder.path)) {
    CHECK(entry.file_size() == 100);
    ++files;
  }
  CHECK(files == AccessLogFile::kMaxFiles);
}

TEST_CASE("access log: what cannot be written waits, and nothing is lost", "[terminator]") {
  const Folder folder;
  const auto path = folder.file("access.log");
  const auto log = *AccessLogFile::open(path);
  log->write("one\n");
  fs::remove(path);
  fs::create_directory(path);  // like a disk that refuses writes, also for root
  CHECK_FALSE(log->ready());
  CHECK_FALSE(log->ready());
  log->write("two\n");
  fs::remove(path);
  CHECK(log->ready());
  CHECK(content(path) == "two\n");
  CHECK(log->lost() == 0);
}

TEST_CASE("access log: a line that a crash cut short is ended", "[terminator]") {
  const Folder folder;
  const auto path = folder.file("access.log");
  std::ofstream(path) << "{\"half";
  (*AccessLogFile::open(path))->write("whole\n");
  CHECK(content(path) == "{\"half\nwhole\n");
  fs::create_symlink(path, folder.file("link"));
  CHECK_FALSE(AccessLogFile::open(folder.file("link")));
}

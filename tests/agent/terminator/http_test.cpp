// HTTP mode on real streams: what the tests of the pure session (tests/agent/http) cannot check.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "agent/terminator/access_log.hpp"
#include "agent/terminator/terminator.hpp"
#include "proto/core/host_port.hpp"
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
    auto routes = std::make_shared<http::Routes>();
    REQUIRE(routes->add("", "/", 0));
    REQUIRE(routes->add("admin", "/", 0));
    HttpRoutes http;
    http.routes = routes;
    http.upstreams = {{upstream.at(), std::move(tls)}};
    http.log = log;
    REQUIRE(terminator.set_service({kApi, Mode::kTls, std::move(http)}));
  }
  std::unique_ptr<ByteStream> connect(const std::string& name = kApi,
                                      std::vector<std::string> alpn = {}) {
    TcpPair pair(loop);
    terminator.accept(kApi, std::move(pair.server), kFrom);
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
  Terminator terminator;
};

std::string get(const std::string& host = kApi) {
  return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

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

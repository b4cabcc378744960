#include "tests/relay/shell_support.hpp"
#include "proto/core/host_port.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "proto/runtime/stream/connect.hpp"
#include "proto/runtime/stream/websocket.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::relay {

SocketClient::SocketClient(runtime::Loop& loop, Rng& rng, derp::ClientOptions options,
                           const Endpoint& to, std::shared_ptr<runtime::TlsClientContext> tls,
                           Entry way)
    : loop_(loop), rng_(rng), options_(std::move(options)) {
  const HostPort at{format(to.address), to.port};
  connect_ = std::make_unique<runtime::StreamConnect>(
      loop, at, std::move(tls), runtime::ConnectOptions{},
      [this, at, way](Result<std::unique_ptr<runtime::ByteStream>> stream) {
        if (!stream) {
          failed = stream.error();
          closed = true;
          return;
        }
        http::RequestHead request{
            "GET", "/derp", {{"Host", at.host}, {"Connection", "Upgrade"}, {"Upgrade", "DERP"}}};
        if (way == Entry::kWebSocket) {
          const http::Url url{false, at.host, at.port, "/derp"};
          request = runtime::websocket_request(url, rng_, "derp");
        }
        http_ = std::make_unique<runtime::HttpUpgrade>(
            loop_, std::move(*stream), request, [this, way](Result<runtime::Upgraded> result) {
              if (result) return upgraded(std::move(*result), way);
              failed = result.error();
              closed = true;
            });
      });
}

SocketClient::~SocketClient() = default;

void SocketClient::upgraded(runtime::Upgraded result, Entry way) {
  upgrade = result.head;
  stream_ = std::move(result.stream);
  if (way == Entry::kWebSocket) {
    stream_ = runtime::websocket_byte_stream(loop_, rng_, runtime::WebSocketRole::kClient,
                                             std::move(stream_));
  }
  client_ = std::make_unique<derp::Client>(
      derp::ClientOptions{options_.relay, options_.key.clone(), options_.ticket}, rng_,
      loop_.now());
  stream_->start({.data =
                      [this](ByteView bytes) {
                        client_->handle_bytes(loop_.now(), bytes, out_);
                        flush();
                      },
                  .end =
                      [this] {
                        closed = true;
                        stream_->finish();
                      },
                  .drained = nullptr,
                  .closed = [this](const runtime::Closing&) { closed = true; }});
}

void SocketClient::flush() {
  if (!out_.wire.empty()) stream_->write(out_.wire);
  out_.wire.clear();
}

void SocketClient::send(const crypto::RelayKey& to, ByteView packet) {
  REQUIRE(client_->ready());
  derp::write_frame(out_.wire, derp::FrameType::kSendPacket, {to.view(), packet});
  flush();
}

void SocketClient::renew(const std::string& ticket) {
  client_->renew_ticket(ticket, out_);
  flush();
}

std::vector<std::string> SocketClient::received() {
  std::vector<std::string> texts;
  for (const auto& r : events<derp::Received>()) texts.emplace_back(text(out_.packet(r)));
  return texts;
}

ShellBench::ShellBench(bool plain) : folder(make_folder()), plain_(plain) {
  Settings settings;
  settings.listen = *parse_endpoint("127.0.0.1:0");
  settings.stun = parse_endpoint("127.0.0.1:0");
  settings.metrics = parse_endpoint("127.0.0.1:0");
  settings.state = folder + "/state";
  settings.plain = plain;
  settings.ticket_keys = {ticket_key.public_key()};
  auto identity = load_identity(settings, rng, loop.now().wall);
  REQUIRE(identity);
  if (identity->tls) certificate = identity->tls->certificate_sha256();
  auto opened = Relay::open(loop, rng, settings, std::move(*identity));
  REQUIRE(opened);
  relay = std::move(*opened);
}

ShellBench::~ShellBench() {
  relay.reset();
  std::filesystem::remove_all(folder);
}

std::string ShellBench::ticket(const crypto::RelayKey& client,
                               std::vector<crypto::RelayKey> peers) {
  trust::Ticket ticket;
  ticket.vendor_id.bytes.fill(7);
  ticket.relay = relay->core().public_key();
  ticket.node = client;
  ticket.peers = std::move(peers);
  ticket.expires = loop.now().wall + std::chrono::hours(1);
  const auto signed_note = trust::sign_statement(ticket, {"ticket@vendor.example", ticket_key});
  REQUIRE(signed_note);
  return note::render(*signed_note);
}

std::shared_ptr<runtime::TlsClientContext> ShellBench::client_tls(const crypto::Hash& pin) {
  if (plain_) return nullptr;
  runtime::TlsClientOptions options;
  options.verify = runtime::TlsVerify::kPinned;
  options.pin = pin;
  return *runtime::TlsClientContext::make(options);
}

std::unique_ptr<SocketClient> ShellBench::connect(const derp::RelayKeyPair& key,
                                                  const std::string& ticket, Entry way) {
  return std::make_unique<SocketClient>(
      loop, rng,
      derp::ClientOptions{relay->core().public_key(), key.clone(), [ticket] { return ticket; }},
      relay->listen_endpoint(), client_tls(certificate), way);
}

std::optional<runtime::HttpAnswer> ShellBench::get(const Endpoint& at, bool tls, std::string target,
                                                   http::HttpHeaders more) {
  std::optional<runtime::HttpAnswer> answer;
  bool over = false;
  std::unique_ptr<runtime::HttpGet> http;
  http::RequestHead request{"GET", std::move(target), std::move(more)};
  request.headers.add("Host", "relay");
  runtime::StreamConnect connect(
      loop, {format(at.address), at.port}, tls ? client_tls(certificate) : nullptr, {},
      [&](Result<std::unique_ptr<runtime::ByteStream>> stream) {
        if (!stream) {
          over = true;
          return;
        }
        http = std::make_unique<runtime::HttpGet>(loop, std::move(*stream), request,
                                                  [&](Result<runtime::HttpAnswer> got) {
                                                    over = true;
                                                    if (got) answer = std::move(*got);
                                                  });
      });
  until([&] { return over; });
  return answer;
}

Ran run_program(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen(("timeout -k 1 20 " + command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> chunk{};
  for (std::size_t n = 0; (n = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
    ran.output.append(chunk.data(), n);
  }
  const int status = ::pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

Background::Background(std::vector<std::string> arguments) {
  std::array<int, 2> error{};
  REQUIRE(::pipe(error.data()) == 0);
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(error[1], STDERR_FILENO);
    ::close(error[0]);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(error[1]);
  error_ = error[0];
}

Background::~Background() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(error_);
}

std::string Background::wait_for(std::string_view text) {
  const auto patience =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count());
  std::array<char, 4096> chunk{};
  while (seen_.find(text) == std::string::npos) {
    pollfd ready{error_, POLLIN, 0};
    if (::poll(&ready, 1, patience) != 1) break;
    const auto n = ::read(error_, chunk.data(), chunk.size());
    if (n <= 0) break;
    seen_.append(chunk.data(), static_cast<std::size_t>(n));
  }
  INFO(seen_);
  REQUIRE(seen_.find(text) != std::string::npos);
  return seen_;
}

int Background::stop() {
  int status = 0;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string make_folder() {
  auto path = (std::filesystem::temp_directory_path() / "culvert-relay-XXXXXX").string();
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  return path;
}

}  // namespace culvert::relay

#include "tests/agent/proxy/local_support.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>

namespace culvert::proxy {

Child::Child(runtime::Loop& loop, std::vector<std::string> command) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  pipe_ = ends[0];
  std::vector<char*> arguments;
  for (auto& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  process_ = ::fork();
  REQUIRE(process_ >= 0);
  if (process_ == 0) {
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  reader_ = std::thread([this, &loop] {
    std::array<char, 4096> chunk{};
    for (;;) {
      const auto count = ::read(pipe_, chunk.data(), chunk.size());
      if (count <= 0) break;
      output_.text.append(chunk.data(), static_cast<std::size_t>(count));
    }
    int status = 0;
    ::waitpid(process_, &status, 0);
    output_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    done_ = true;
    loop.post([] {});  // wakes the loop
  });
}

Child::~Child() {
  if (!done_) ::kill(process_, SIGKILL);
  reader_.join();
  ::close(pipe_);
}

Client::Client(runtime::Loop& loop, const Endpoint& to, std::string request, bool fin) {
  connect_ = std::make_unique<runtime::TcpConnect>(
      loop, to, runtime::ConnectOptions{},
      [this, request, fin](Result<std::unique_ptr<runtime::TcpStream>> connected) {
        REQUIRE(connected);
        stream = std::move(*connected);
        runtime::StreamEvents events;
        events.data = [this](ByteView bytes) { received += text(bytes); };
        events.end = [this] { stream->finish(); };
        events.closed = [this](const runtime::Closing&) { closed = true; };
        stream->start(std::move(events));
        stream->write(view(request));
        if (fin) stream->finish();
      });
}

World::World() {
  auto listener = runtime::TcpListener::open(loop, *parse_endpoint("127.0.0.1:0"),
                                             [this](std::unique_ptr<runtime::TcpStream> stream,
                                                    const Endpoint&) { serve(std::move(stream)); });
  REQUIRE(listener);
  service_ = std::move(*listener);
}

void World::serve(std::unique_ptr<runtime::TcpStream> accepted) {
  ++service_connections;
  auto& stream = streams_.emplace_back(std::move(accepted));
  auto* raw = stream.get();
  if (greet_) raw->write(view("220 ready\r\n"));
  runtime::StreamEvents events;
  events.data = [this, raw](ByteView bytes) {
    if (echo_) return raw->write(bytes);
    raw->write(
        view("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nfrom the api"));
    raw->finish();
  };
  events.end = [raw] { raw->finish(); };
  stream->start(std::move(events));
}

Dialer World::dialer() {
  return [this](const std::string& host, std::uint16_t port, Dialed done) {
    dialed.push_back(host + ":" + std::to_string(port));
    if (host != "api.acme.example" && host != "echo.acme.example" &&
        host != "greeting.acme.example") {
      return done(fail(ErrorCode::kNotFound, "no such service"));
    }
    echo_ = host.starts_with("echo");
    greet_ = host.starts_with("greeting");
    connects_.push_back(std::make_unique<runtime::TcpConnect>(
        loop, service_->local_endpoint(), runtime::ConnectOptions{},
        [done](Result<std::unique_ptr<runtime::TcpStream>> stream) {
          REQUIRE(stream);
          done(std::unique_ptr<runtime::ByteStream>(std::move(*stream)));
        }));
  };
}

Output World::run(std::vector<std::string> command) {
  Child child(loop, std::move(command));
  REQUIRE(until([&] { return child.done(); }));
  return child.output();
}

}  // namespace culvert::proxy

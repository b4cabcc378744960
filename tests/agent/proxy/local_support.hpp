// For tests of the proxy: a loop with services behind a fake dialer, child processes, and plain TCP
// clients.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/proxy/door.hpp"
#include "agent/proxy/proxy.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::proxy {

constexpr Duration kPatience = 30s;  // until a hanging test fails

struct Output {
  int status = -1;  // exit status
  std::string text;
};

// A child process whose standard output and error are collected. The destructor kills a running
// child.
class Child {
 public:
  Child(runtime::Loop& loop, std::vector<std::string> command);
  ~Child();
  bool done() const { return done_; }
  const Output& output() const { return output_; }  // after the child has ended

 private:
  int process_ = -1;
  int pipe_ = -1;
  std::atomic<bool> done_ = false;
  Output output_;
  std::thread reader_;
};

// One TCP connection to `to`. Sends `request` at once, with `fin` also a FIN, and keeps the answer.
struct Client {
  Client(runtime::Loop& loop, const Endpoint& to, std::string request, bool fin = false);
  std::string received;
  bool closed = false;
  std::unique_ptr<runtime::ByteStream> stream;

 private:
  std::unique_ptr<runtime::TcpConnect> connect_;
};

// The mesh as the proxy sees it. `api.acme.example` answers one HTTP request, `echo.acme.example`
// sends all bytes back, `greeting.acme.example` speaks first. Other names are refused and
// remembered.
struct World {
  World();
  Dialer dialer();
  DoorContext everybody() {  // no check of the owner
    return DoorContext::make(loop, [this](const Endpoint&, const Endpoint&, OwnerAnswer answer) {
      loop.defer([answer = std::move(answer)] { answer(true); });
    });
  }
  bool until(const std::function<bool()>& done) { return loop.run_until(done, kPatience); }
  Output run(std::vector<std::string> command);

  runtime::Loop loop;
  std::vector<std::string> dialed;
  std::size_t service_connections = 0;

 private:
  void serve(std::unique_ptr<runtime::TcpStream> stream);

  std::unique_ptr<runtime::TcpListener> service_;
  std::vector<std::unique_ptr<runtime::TcpConnect>> connects_;
  std::vector<std::shared_ptr<runtime::TcpStream>> streams_;
  bool echo_ = false;
  bool greet_ = false;
};

}  // namespace culvert::proxy

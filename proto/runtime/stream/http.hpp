// Simple HTTP/1.1: one request per connection, which is answered or upgraded. Bodies are sent; only
// HttpGet reads them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proto/http/head.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/connect.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::runtime {

inline constexpr Duration kHeadTimeout = 10s;
inline constexpr std::size_t kMaxGetBody = 1U << 20U;

// Server side. Reads one head and calls `got` once:
//   - with the request: the owner then calls answer(), upgrade() or release(), at once or later;
//   - with an error: 400 has been answered already.
// May be destroyed inside `got`. Destroying it without an answer closes the connection.
class HttpAcceptor {
 public:
  using Got = std::function<void(Result<http::RequestHead>)>;
  HttpAcceptor(Loop& loop, std::unique_ptr<ByteStream> stream, Got got);
  ~HttpAcceptor();
  HttpAcceptor(const HttpAcceptor&) = delete;
  HttpAcceptor& operator=(const HttpAcceptor&) = delete;

  // Adds Content-Length and Connection: close, sends the answer, and lingers.
  void answer(int status, const http::HttpHeaders& headers, std::string_view body);
  // Answers 101 with these headers and Connection: Upgrade. Returns the stream, not started; it
  // begins with the bytes that the client sent after its head.
  std::unique_ptr<ByteStream> upgrade(const http::HttpHeaders& headers);
  // The bare stream without any answer (CONNECT tunnels, DERP fast start).
  std::unique_ptr<ByteStream> release();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

struct Upgraded {
  http::ResponseHead head;
  std::unique_ptr<ByteStream> stream;  // not started; begins with the bytes after the head
};

// Client side: sends the head and waits for 101. Another status is an error that names the status.
// The destructor cancels.
class HttpUpgrade {
 public:
  using Done = std::function<void(Result<Upgraded>)>;
  HttpUpgrade(Loop& loop, std::unique_ptr<ByteStream> stream, const http::RequestHead& request,
              Done done);
  ~HttpUpgrade();
  HttpUpgrade(const HttpUpgrade&) = delete;
  HttpUpgrade& operator=(const HttpUpgrade&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

struct HttpAnswer {
  http::ResponseHead head;
  Bytes body;  // by Content-Length, or until the end; a chunked body is refused
};
class HttpGet {
 public:
  using Done = std::function<void(Result<HttpAnswer>)>;
  // `body`: sent after the head, for a POST. The head already has its Content-Length.
  HttpGet(Loop& loop, std::unique_ptr<ByteStream> stream, const http::RequestHead& request,
          Done done, std::string_view body = {});
  ~HttpGet();
  HttpGet(const HttpGet&) = delete;
  HttpGet& operator=(const HttpGet&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

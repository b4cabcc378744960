// HTTP/1.1 at its edge: one request per connection, answered or upgraded. Bodies are sent, and read
// by http_get only; whoever needs more uses a real HTTP library.
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

// Server side. Reads one head, calls `got` once: with the request, then answer() or upgrade() must
// follow (at once or later), or with an error, when 400 has been answered already. May be destroyed
// inside `got`; destroying it unanswered closes the connection.
class HttpAcceptor {
 public:
  using Got = std::function<void(Result<http::RequestHead>)>;
  HttpAcceptor(Loop& loop, std::unique_ptr<ByteStream> stream, Got got);
  ~HttpAcceptor();
  HttpAcceptor(const HttpAcceptor&) = delete;
  HttpAcceptor& operator=(const HttpAcceptor&) = delete;

  // Adds Content-Length and Connection: close, sends, and lingers.
  void answer(int status, const http::HttpHeaders& headers, std::string_view body);
  // 101 with these headers and Connection: Upgrade; gives the stream, not started, with whatever
  // the client sent after its head.
  std::unique_ptr<ByteStream> upgrade(const http::HttpHeaders& headers);
  // The bare stream without any answer (CONNECT tunnels, DERP fast start).
  std::unique_ptr<ByteStream> release();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

struct Upgraded {
  http::ResponseHead head;
  std::unique_ptr<ByteStream> stream;  // not started; holds whatever came after the head
};

// Client side: sends the head, waits for 101 (another status is an error that names it).
// Destroying it cancels.
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
  Bytes body;  // until Content-Length or the end; chunked is refused
};
class HttpGet {
 public:
  using Done = std::function<void(Result<HttpAnswer>)>;
  // `body` goes after the head, for a POST: its Content-Length is in the head already.
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

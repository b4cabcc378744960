// Server side of one HTTP/1.1 request with a small body: reads head and body, then answers once.
// For services that take a POST (HttpAcceptor refuses bodies).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proto/core/time.hpp"
#include "proto/http/head.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::runtime {

inline constexpr Duration kCallTimeout = 10s;  // for the head, and again for the body

struct HttpRequest {
  http::RequestHead head;
  std::string body;
};

class HttpCall {
 public:
  // Calls `got` once from the loop: with the whole request, and the owner must then call answer();
  // or with an error, which has been answered already (400, 408 or 413). A body has a
  // Content-Length of at most `limit`; a chunked body is refused. Destroying the HttpCall without
  // an answer closes the connection.
  using Got = std::function<void(Result<HttpRequest>)>;
  HttpCall(Loop& loop, std::unique_ptr<ByteStream> stream, std::size_t limit, Got got);
  ~HttpCall();
  HttpCall(const HttpCall&) = delete;
  HttpCall& operator=(const HttpCall&) = delete;

  void answer(int status, std::string_view body);  // sends `body` as text/plain, and lingers

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

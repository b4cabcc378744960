// Asks the customer's lease server, one question at a time: HTTP POST, plain or TLS. The answer is
// a signed note for one nonce, so the connection does not have to be trusted. Never uses a proxy,
// since the lease server is in the agent's own network.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/core/effects.hpp"
#include "proto/http/url.hpp"
#include "proto/runtime/stream/connect.hpp"
#include "proto/runtime/stream/http.hpp"

namespace culvert::agent {

class LeaseLink {
 public:
  using Answered = std::function<void(const Result<std::string>&)>;  // called from the loop

  LeaseLink(runtime::Loop& loop, Answered answered);

  // Replaces the question under way. Later `answered` is called once, never inside ask(), unless
  // another ask() comes first.
  void ask(const AskLease& what);

 private:
  void connected(Result<std::unique_ptr<runtime::ByteStream>> stream);
  void got(Result<runtime::HttpAnswer> answer);
  void finish(const Result<std::string>& answer);

  runtime::Loop& loop_;
  Answered answered_;
  std::uint64_t number_ = 0;  // number of the question under way
  http::Url url_;
  std::string body_;
  std::unique_ptr<runtime::StreamConnect> connecting_;
  std::unique_ptr<runtime::HttpGet> asking_;
};

// The head of a POST of `length` bytes of text to `url`.
http::RequestHead post_head(const http::Url& url, std::size_t length);

// The body of an answer with status 200 or 204. Any other status is an error, which repeats the
// first line of the answer's body in printable ASCII. kStale: the status was 409.
Result<std::string> posted(Result<runtime::HttpAnswer> answer);

}  // namespace culvert::agent

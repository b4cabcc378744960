// One question at a time to the customer's lease server: HTTP POST, plain or TLS. The answer is a
// signed note for one nonce, so nothing of the connection has to be trusted. Never through a proxy:
// the lease server stands beside the agent.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/core/effects.hpp"
#include "proto/runtime/connect.hpp"
#include "proto/runtime/http.hpp"

namespace culvert::agent {

class LeaseLink {
 public:
  using Answered = std::function<void(const Result<std::string>&)>;  // from the loop, see ask()

  LeaseLink(runtime::Loop& loop, Answered answered);

  // Forgets the question before it. `answered` follows, not from inside this call, unless another
  // question comes first.
  void ask(const AskLease& what);

 private:
  void connected(Result<std::unique_ptr<runtime::ByteStream>> stream);
  void got(Result<runtime::HttpAnswer> answer);
  void finish(const Result<std::string>& answer);

  runtime::Loop& loop_;
  Answered answered_;
  std::uint64_t number_ = 0;  // of the question under way
  runtime::Url url_;
  std::string body_;
  std::unique_ptr<runtime::StreamConnect> connecting_;
  std::unique_ptr<runtime::HttpGet> asking_;
};

// POSTs `body` and gives the answer's body where the status is 200 or 204; the error repeats what
// the server says, in one printable line; kStale: the status was 409. Destroying what it returns
// cancels.
runtime::RequestHead post_head(const runtime::Url& url, std::size_t length);
Result<std::string> posted(Result<runtime::HttpAnswer> answer);

}  // namespace culvert::agent

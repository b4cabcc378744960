// One request and its answer, and the heads that we write for both.
#pragma once

#include "agent/http/access.hpp"
#include "agent/http/message.hpp"

namespace culvert::http {

// Bytes that are used up from the front.
class Buffer {
 public:
  void add(ByteView bytes) {
    if (at_ == bytes_.size()) clear();
    append(bytes_, bytes);
  }
  ByteView view() const { return ByteView(bytes_).subspan(at_); }
  std::size_t size() const { return bytes_.size() - at_; }
  bool empty() const { return size() == 0; }
  void use(std::size_t count) { at_ += count; }  // at most size()
  void compact() {                               // frees the used bytes, after several use()
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
  }
  void clear() {
    bytes_.clear();
    at_ = 0;
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

struct Exchange {
  Request request;
  AccessRecord record;
  Instant began;
  BodyReader request_body;
  bool head_sent = false;
  std::size_t interim = 0;           // 1xx answers so far
  std::optional<Response> response;  // the final answer, once its head was passed on
  BodyReader response_body;
  bool rechunked = false;  // the answer's body is passed on in chunks
  bool last = false;       // the client's connection ends after the answer
  bool tunnel = false;
};

// The request for the upstream: with our Host, framing, X-Forwarded-* and the sender's identity.
std::string render_request(const Request& request, const AccessRecord& record,
                           const std::string& client);
// The answer for the client. `close`: the connection ends after the answer.
std::string render_response(const Response& response, bool close, bool chunked);
std::string render_interim(const Response& response);
std::string render_switch(const Response& response, const std::string& upgrade);
// An answer made by the gateway itself; the connection always ends after it.
std::string render_refusal(int status, const std::string& why, bool with_body);

}  // namespace culvert::http

// The bytes of a client. Required:
//  - no crash;
//  - the bytes for the upstream do not depend on the cuts between the client's bytes;
//  - the same parser accepts the first head for the upstream; the head is for this service and has
//    the sender's identity exactly once;
//  - no trailer has a reserved name or a name that is forbidden in trailers; such names are not
//    announced either, and only a chunked body announces any.
#include "agent/http/h1_head.hpp"
#include "agent/http/names.hpp"
#include "proto/http/path.hpp"
#include "tests/fuzz/http/session_support.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes{data, size};
  Run whole;
  Run parts;
  whole.client(bytes, size);
  parts.client(bytes, 1);
  require(whole.over == parts.over && whole.to_client == parts.to_client);
  if (whole.to_upstream.empty()) return 0;
  const http::HeadLimits wider{200, 64U << 10U};  // room for the agent's own headers
  const auto head = http::parse_request_head(whole.to_upstream, wider);
  require(head && head->size > 0);
  const auto request = http::read_request(head->head);
  require(request.has_value() && request->host == "a.b");
  require(head->head.headers.one("Culvert-User") == "p");
  require(head->head.headers.one("Culvert-Grant") == "g");
  require(head->head.headers.count("Host") == 1);
  // Reserved names come only from the agent: seven lines.
  std::size_t reserved = 0;
  for (const auto& [name, value] : head->head.headers.list()) {
    reserved += http::is_reserved(http::fold(name)) ? 1U : 0U;
  }
  require(reserved == 7);
  require(*http::normal_path(request->path) == request->path);
  if (head->head.headers.count("Trailer") > 0) {
    require(request->body.kind == http::Framing::Kind::kChunked);
    // read_request() drops what must not be announced, so a second reading changes nothing.
    require(head->head.headers.one("Trailer") == request->headers.one("Trailer"));
  }
  const auto trailers = trailers_of(ByteView(whole.to_upstream).subspan(head->size), request->body);
  for (const auto& [name, value] : trailers.list()) {
    const auto folded = http::fold(name);
    require(!http::is_forbidden_trailer(folded) && !http::is_reserved(folded));
  }
  // The first head is the same in both runs; only the cuts of a body into chunks may differ.
  require(equal(ByteView(whole.to_upstream).first(head->size),
                ByteView(parts.to_upstream).first(head->size)));
  return 0;
}

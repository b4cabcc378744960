// A client's bytes. No crash. The bytes to the upstream do not depend on how the input was cut. The
// first head to the upstream parses again, is for this service, and names the right person exactly
// once.
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
  const http::HeadLimits wider{200, 64U << 10U};  // ours are added
  const auto head = http::parse_request_head(whole.to_upstream, wider);
  require(head && head->size > 0);
  const auto request = http::read_request(head->head, "a.b");
  require(request.has_value());
  require(head->head.headers.one("Culvert-User") == "p");
  require(head->head.headers.one("Culvert-Grant") == "g");
  require(head->head.headers.count("Host") == 1);
  // What a proxy says stands there only as this agent says it: seven lines.
  std::size_t reserved = 0;
  for (const auto& [name, value] : head->head.headers.list()) {
    reserved += http::is_reserved(http::fold(name)) ? 1U : 0U;
  }
  require(reserved == 7);
  require(*http::normal_path(request->path) == request->path);
  // The same head again, but for what is cut differently within the body's chunks.
  require(equal(ByteView(whole.to_upstream).first(head->size),
                ByteView(parts.to_upstream).first(head->size)));
  return 0;
}

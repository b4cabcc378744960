// The bytes of an upstream, in response to a GET, a HEAD or an upgrade (chosen by the first byte).
// Required:
//  - no crash;
//  - the bytes for the client do not depend on the cuts between the upstream's bytes;
//  - the bytes for the client begin with a head that the same parser accepts;
//  - no trailer of the final response has a name that is forbidden in trailers.
#include "agent/http/names.hpp"
#include "tests/fuzz/http/session_support.hpp"

using namespace culvert;
using namespace culvert::fuzz;

namespace {

std::string_view request_for(std::uint8_t which) {
  switch (which % 3) {
    case 0:
      return "GET / HTTP/1.1\r\nHost: a.b\r\n\r\n";
    case 1:
      return "HEAD / HTTP/1.1\r\nHost: a.b\r\n\r\n";
    default:
      return "GET / HTTP/1.1\r\nHost: a.b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  }
}

void check_trailers(ByteView bytes) {
  for (;;) {
    const auto head = http::parse_response_head(bytes, {300, 256U << 10U});
    require(head.has_value());
    if (head->size == 0 || head->head.status == 101) return;
    bytes = bytes.subspan(head->size);
    if (head->head.status < 200) continue;
    if (head->head.headers.count("Transfer-Encoding") == 0) return;
    const auto trailers = trailers_of(bytes, {http::Framing::Kind::kChunked, 0});
    for (const auto& [name, value] : trailers.list()) {
      require(!http::is_forbidden_trailer(http::fold(name)));
    }
    return;
  }
}

// The bytes of the first head.
std::size_t head_size(ByteView bytes) {
  const auto head = http::parse_response_head(bytes, {300, 256U << 10U});
  require(head.has_value());
  return head->size;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto request = view(request_for(data[0]));
  const ByteView bytes{data + 1, size - 1};
  Run whole;
  Run parts;
  whole.client(request, request.size());
  parts.client(request, request.size());
  whole.upstream(bytes, size);
  parts.upstream(bytes, 1);
  require(whole.over == parts.over && whole.to_client.empty() == parts.to_client.empty());
  if (whole.to_client.empty()) return 0;
  const auto first = head_size(whole.to_client);
  require(first > 0 && first == head_size(parts.to_client));
  require(equal(ByteView(whole.to_client).first(first), ByteView(parts.to_client).first(first)));
  check_trailers(whole.to_client);
  return 0;
}

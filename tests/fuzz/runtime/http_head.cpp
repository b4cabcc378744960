// HTTP heads: no crash; an accepted head renders to a text that parses to the same head; a prefix
// of an accepted head is never refused.
#include <cstdlib>

#include "proto/http/head.hpp"
#include "proto/http/url.hpp"

namespace {

using namespace culvert;
using namespace culvert::http;

void require(bool held) {
  if (!held) std::abort();
}

template <class Parse>
void check(ByteView bytes, const Parse& parse) {
  const auto first = parse(bytes);
  if (!first || first->size == 0) return;
  require(first->size <= bytes.size() && first->size <= kMaxHeadSize);
  require(first->head.headers.list().size() <= kMaxHeaders);
  const auto part = parse(bytes.first(first->size - 1));
  require(part && part->size == 0);
  const auto again = parse(view(render(first->head)));
  require(again.has_value());
  require(again->head.headers.list() == first->head.headers.list());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes{data, size};
  check(bytes, [](ByteView part) { return http::parse_request_head(part); });
  check(bytes, [](ByteView part) { return http::parse_response_head(part); });
  const auto url = http::parse_url(text(bytes));
  if (url) require(!url->host.empty() && url->target.starts_with('/'));
  return 0;
}

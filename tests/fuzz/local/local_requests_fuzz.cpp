// What any local process may send to the proxy, and the kernel's table that says who it is. What is
// accepted must be in its one spelling.
#include <cstdlib>

#include "agent/local/forward.hpp"
#include "agent/local/owner.hpp"
#include "agent/local/request.hpp"

using namespace culvert;
using namespace culvert::local;

namespace {

void check(const Target& target) {
  if (target.port == 0 || normal_host(target.host) != target.host) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  if (const auto greeting = parse_socks_greeting(bytes); greeting && greeting->size > size) {
    std::abort();
  }
  if (const auto request = parse_socks_request(bytes); request && request->size > 0) {
    if (request->size > size) std::abort();
    check(request->value);
  }
  if (const auto head = runtime::parse_request_head(bytes); head && head->size > 0) {
    if (const auto target = connect_target(head->head)) check(*target);
  }
  if (const auto spec = ForwardSpec::parse(text(bytes))) {
    if (normal_host(spec->host) != spec->host) std::abort();
  }
  const Endpoint client{IpAddress::v4(127, 0, 0, 1), 8080};
  const Endpoint listener{IpAddress::v4(127, 0, 0, 1), 1080};
  (void)uid_in_table(text(bytes), client, listener);
  return 0;
}

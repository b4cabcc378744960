// STUN messages to a server and to a client. A valid request gets an answer of the expected kind.
#include "proto/path/stun.hpp"

#include <cstdlib>

using namespace culvert;
using namespace culvert::path;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  (void)parse_stun_response(input);
  const auto request = parse_stun_request(input);
  if (!request) return 0;
  const Endpoint from{IpAddress::v4(192, 0, 2, 1), 32853};
  const auto answer = stun_answer(*request, from);
  if (!is_stun(answer)) std::abort();
  const auto response = parse_stun_response(answer);
  if (response.has_value() != request->unknown_required.empty()) std::abort();
  if (response && (response->mapped != from || response->transaction != request->transaction)) {
    std::abort();
  }
  return 0;
}

// Bytes that any local process may send to the proxy or through a forward, and the kernel's answers
// and tables that name the owner of a process. Accepted values must be in their only spelling. The
// guard of forwards must decide the same for all cuts of the bytes, and must pass all bytes before
// its refusal unchanged.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "agent/proxy/forward.hpp"
#include "agent/proxy/owner.hpp"
#include "agent/proxy/request.hpp"
#include "agent/proxy/request_guard.hpp"

using namespace culvert;
using namespace culvert::proxy;

namespace {

void check(const Target& target) {
  if (target.port == 0 || normal_host(target.host) != target.host) std::abort();
}

// The bytes that passed, and the status of the refusal, if any.
std::pair<Bytes, int> guard(ByteView bytes, std::size_t piece, bool strict) {
  RequestGuard guard(OwnNames{"db.acme.example", 8443, strict, false});
  std::pair<Bytes, int> out{{}, 0};
  const auto take = [&](const RequestGuard::Step& step) {
    if (out.second != 0 && !step.pass.empty()) std::abort();
    append(out.first, step.pass);
    if (step.refusal) out.second = step.refusal->status;
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    take(guard.take(bytes.subspan(at, std::min(piece, bytes.size() - at))));
  }
  take(guard.end());
  return out;
}

void check_guard(ByteView bytes, bool strict) {
  const auto whole = guard(bytes, bytes.size() + 1, strict);
  const ByteView passed(whole.first);
  if (passed.size() > bytes.size() || !std::equal(passed.begin(), passed.end(), bytes.begin())) {
    std::abort();
  }
  if (whole.second == 0 && passed.size() != bytes.size()) std::abort();
  // A first line with an unknown method is recognised only when it comes in one piece.
  if (RequestGuard::begins_like_request(bytes.first(std::min<std::size_t>(bytes.size(), 8)))) {
    const std::size_t piece = bytes.empty() ? 1 : 1 + bytes[bytes.size() - 1] % 64U;
    if (guard(bytes, piece, strict) != whole) std::abort();
  }
}

void check_owner(ByteView bytes) {
  const Endpoint client{IpAddress::v4(127, 0, 0, 1), 8080};
  const Endpoint listener{IpAddress::v4(127, 0, 0, 1), 1080};
  for (const auto transport : {Transport::kTcp, Transport::kUdp}) {
    const SocketQuestion question{transport, client, listener};
    Uids uids(1);
    find_in_table(text(bytes), transport, {&question, 1}, uids);
    (void)parse_diag_answer(bytes, question);
  }
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
  if (const auto head = parse_either_version(bytes); head && head->size > 0) {
    if (head->size > size) std::abort();
    if (const auto asked = proxy_request(head->head)) check(asked->target);
  }
  if (const auto spec = ForwardSpec::parse(text(bytes))) {
    if (normal_host(spec->host) != spec->host) std::abort();
  }
  check_guard(bytes, false);
  check_guard(bytes, true);
  check_owner(bytes);
  return 0;
}

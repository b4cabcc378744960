#include "proto/runtime/net.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

#include <algorithm>
#include <charconv>

#include "proto/runtime/handle.hpp"
#include "proto/runtime/sockaddr.hpp"

namespace culvert::runtime {

Result<HostPort> parse_host_port(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kInvalid, "\"" + std::string(text) + "\" is not HOST:PORT");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || text.size() > 300) return bad();
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    const auto address = parse_address(host);
    if (!address || address->is_v4()) return bad();
  } else if (host.find_first_of(":[] \t\r\n/@") != std::string_view::npos) {
    return bad();
  }
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return bad();
  return HostPort{std::string(host), port};
}

std::string format(const HostPort& to) {
  const bool v6 = to.host.find(':') != std::string::npos;
  return (v6 ? "[" + to.host + "]" : to.host) + ":" + std::to_string(to.port);
}

// Lives until the answer comes or the look-up is cancelled; `request` must not move before that.
struct Resolve::Impl {
  std::string host;
  Done done;
  uv_getaddrinfo_t request{};
  std::shared_ptr<Impl> self;  // while libuv has the request

  void answered(int status, addrinfo* list);
};

void Resolve::Impl::answered(int status, addrinfo* list) {
  const auto held = std::move(self);
  std::vector<IpAddress> found;
  for (auto* at = list; at != nullptr && found.size() < kMaxResolved; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    const auto address = from_sockaddr(at->ai_addr).address;
    if (std::find(found.begin(), found.end(), address) == found.end()) found.push_back(address);
  }
  uv_freeaddrinfo(list);
  const auto call = std::move(done);
  if (!call) return;  // forgotten
  if (status != 0 || found.empty()) {
    call(fail(status == UV_EAI_NONAME ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
              "cannot resolve " + host + ": " +
                  (status != 0 ? uv_strerror(status) : "it has no address")));
  } else {
    call(std::move(found));
  }
}

Resolve::Resolve(Loop& loop, const std::string& host, Done done) : impl_(std::make_shared<Impl>()) {
  impl_->host = host;
  impl_->done = std::move(done);
  impl_->request.data = impl_.get();
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  impl_->self = impl_;
  const int started = uv_getaddrinfo(
      loop.raw(), &impl_->request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* list) {
        static_cast<Impl*>(request->data)->answered(status, list);
      },
      host.c_str(), nullptr, &hints);
  if (started != 0) {
    loop.defer([impl = impl_, started] { impl->answered(started, nullptr); });
  }
}

Resolve::~Resolve() {
  impl_->done = nullptr;
  if (impl_->self) uv_cancel(reinterpret_cast<uv_req_t*>(&impl_->request));
}

std::vector<IpAddress> interface_addresses() {
  std::vector<IpAddress> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  for (auto* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    if (at->ifa_addr->sa_family != AF_INET && at->ifa_addr->sa_family != AF_INET6) continue;
    const auto address = from_sockaddr(at->ifa_addr).address;
    if (address.is_link_local() && !address.is_v4()) continue;
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  freeifaddrs(list);
  return out;
}

}  // namespace culvert::runtime

#include "proto/runtime/stream/resolve.hpp"

#include <netdb.h>

#include <algorithm>

#include "proto/runtime/loop/handle.hpp"
#include "proto/runtime/loop/sockaddr.hpp"

namespace culvert::runtime {

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
  if (!call) return;  // the Resolve was destroyed
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

}  // namespace culvert::runtime

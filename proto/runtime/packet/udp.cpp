#include "proto/runtime/packet/udp.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "proto/runtime/packet/udp_impl.hpp"

namespace culvert::runtime {
namespace {

void set_option(int descriptor, int level, int name, int value) {
  setsockopt(descriptor, level, name, &value, sizeof value);
}
bool try_option(int descriptor, int level, int name, int value) {
  return setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

struct Ancillary {
  std::size_t segment = 0;  // the size that UDP_GRO reports; 0: the message is one datagram
  std::uint8_t ecn = 0;
};

Ancillary read_ancillary(msghdr& header) {
  constexpr unsigned kEcn = 3;
  Ancillary out;
  for (auto* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    int value = 0;  // the value of IP_TOS is one byte, other values are an int
    if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TOS) {
      out.ecn = static_cast<std::uint8_t>(*CMSG_DATA(at) & kEcn);
      continue;
    }
    std::memcpy(&value, CMSG_DATA(at), sizeof value);
    if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_TCLASS) {
      out.ecn = static_cast<std::uint8_t>(static_cast<unsigned>(value) & kEcn);
    } else if (at->cmsg_level == SOL_UDP && at->cmsg_type == UDP_GRO && value > 0) {
      out.segment = static_cast<std::size_t>(value);
    }
  }
  return out;
}

}  // namespace

UdpSocket::Impl::~Impl() {
  poll.reset();  // libuv stops watching at once; only then may the descriptor be closed
  if (descriptor >= 0) ::close(descriptor);
}

Status UdpSocket::Impl::open(Loop& loop, const Endpoint& at, const UdpOptions& options) {
  Endpoint bind_to = at;
  const int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  mapped = !at.address.is_v4();
  descriptor = ::socket(mapped ? AF_INET6 : AF_INET, type, 0);
  if (descriptor < 0 && mapped && at.address.is_unspecified()) {
    mapped = false;
    bind_to.address = IpAddress::v4(0, 0, 0, 0);
    descriptor = ::socket(AF_INET, type, 0);
  }
  const auto failed = [&] { return fail_with(uv_error("cannot open UDP " + format(at), -errno)); };
  if (descriptor < 0) return failed();
  if (mapped) set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (mapped) set_option(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  set_option(descriptor, IPPROTO_IP, IP_RECVTOS, 1);
  set_option(descriptor, SOL_SOCKET, SO_RCVBUF, kSocketBuffer);
  set_option(descriptor, SOL_SOCKET, SO_SNDBUF, kSocketBuffer);
  set_option(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer);  // works only with privilege
  set_option(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, kSocketBuffer);
  // Without `whole` an IPv4 router may fragment, as for the kernel's tunnels, so that no ICMP
  // message has to come back. (An IPv6 socket carries IPv4 too.)
  set_option(descriptor, IPPROTO_IP, IP_MTU_DISCOVER,
             options.whole ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT);
  if (mapped && options.whole) {
    set_option(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  }
  gro = options.offloads.gro && try_option(descriptor, SOL_UDP, UDP_GRO, 1);
  gso = options.offloads.gso && try_option(descriptor, SOL_UDP, UDP_SEGMENT, 0);
  if (options.share == PortShare::kFurther) set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  auto address = to_sockaddr(bind_to, mapped);
  if (::bind(descriptor, address.raw(), address.size) != 0) return failed();
  // Set after bind(), so that bind() fails for a port that another program shares.
  if (options.share == PortShare::kFirst) set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (::getsockname(descriptor, address.raw(), &address.size) != 0) return failed();
  local = from_sockaddr(address.raw());
  memory.resize(kReceiveBatch * kReceiveSize);
  poll = HandlePtr<uv_poll_t>(new uv_poll_t{});
  const int status = uv_poll_init(loop.raw(), poll.get(), descriptor);
  if (status != 0) {
    delete poll.release();
    return fail_with(uv_error("cannot watch UDP " + format(at), status));
  }
  poll->data = this;
  uv_poll_start(poll.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
    if (handle->data != nullptr) static_cast<Impl*>(handle->data)->on_readable();
  });
  return {};
}

void UdpSocket::Impl::on_readable() {
  const auto held = self.lock();
  constexpr std::size_t kControl = 2 * CMSG_SPACE(sizeof(int));  // for ECN and segment size
  std::array<mmsghdr, kReceiveBatch> headers{};
  std::array<iovec, kReceiveBatch> vectors{};
  std::array<sockaddr_in6, kReceiveBatch> sources{};
  alignas(cmsghdr) std::array<std::array<char, kControl>, kReceiveBatch> control{};
  for (std::size_t i = 0; i < receive_batch; ++i) {
    vectors[i] = {memory.data() + i * kReceiveSize, kReceiveSize};
    auto& header = headers[i].msg_hdr;
    header.msg_name = &sources[i];
    header.msg_namelen = sizeof sources[i];
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = control[i].data();
    header.msg_controllen = kControl;
  }
  const int count =
      ::recvmmsg(descriptor, headers.data(), static_cast<unsigned>(receive_batch), 0, nullptr);
  ++counters.receive_calls;
  if (count <= 0) {
    // An errno such as ECONNREFUSED is the ICMP error of an earlier send; this call has cleared it.
    if (errno != EAGAIN && errno != EINTR) ++counters.errors;
    return;
  }
  datagrams.clear();
  std::size_t total = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    auto& header = headers[i].msg_hdr;
    if ((static_cast<unsigned>(header.msg_flags) & MSG_TRUNC) != 0) {
      ++counters.truncated;
      continue;
    }
    total += headers[i].msg_len;
    const auto ancillary = read_ancillary(header);
    const MutableByteView bytes{memory.data() + i * kReceiveSize, headers[i].msg_len};
    const UdpWay from{from_sockaddr(header.msg_name), index};
    split(ancillary.segment, {from, bytes, ancillary.ecn});
  }
  const auto fit = kReceiveBytes * static_cast<std::size_t>(count) / std::max(total, kReceiveSize);
  receive_batch = std::min(fit, kReceiveBatch);
  if (!datagrams.empty()) received(datagrams);
}

void UdpSocket::Impl::split(std::size_t segment, Datagram whole) {
  auto rest = whole.bytes;
  counters.received_bytes += rest.size();
  do {
    const auto take = segment == 0 ? rest.size() : std::min(segment, rest.size());
    datagrams.push_back({whole.way, rest.first(take), whole.ecn});
    rest = rest.subspan(take);
    ++counters.received;
  } while (!rest.empty());
}

Result<std::unique_ptr<UdpSocket>> UdpSocket::open(Loop& loop, const Endpoint& at,
                                                   Received received, UdpOptions options) {
  auto impl = std::make_shared<Impl>();
  impl->self = impl;
  impl->received = std::move(received);
  impl->index = options.index;
  if (auto opened = impl->open(loop, at, options); !opened) {
    return fail_with(opened.error());
  }
  return std::unique_ptr<UdpSocket>(new UdpSocket(std::move(impl)));
}

UdpSocket::UdpSocket(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
UdpSocket::~UdpSocket() { impl_->poll.reset(); }

Status UdpSocket::set_mark(std::uint32_t mark) {
  if (setsockopt(impl_->descriptor, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0) return {};
  return fail_with(uv_error("cannot mark the UDP socket", -errno));
}

Endpoint UdpSocket::local_endpoint() const { return impl_->local; }
const UdpCounters& UdpSocket::counters() const { return impl_->counters; }
bool UdpSocket::segmentation() const { return impl_->gso; }

}  // namespace culvert::runtime

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "proto/core/check.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "proto/runtime/packet/udp_impl.hpp"

namespace culvert::runtime {
namespace {

// How many datagrams from the front may leave as one segmented send: one destination, equal sizes
// (the last may be shorter), equal ECN.
std::size_t run_length(std::span<const Datagram> batch) {
  const auto size = batch.front().bytes.size();
  if (size == 0) return 1;
  std::size_t total = size;
  std::size_t count = 1;
  for (; count < batch.size() && count < kMaxSegments; ++count) {
    const auto& next = batch[count];
    total += next.bytes.size();
    if (next.way != batch.front().way || next.ecn != batch.front().ecn || next.bytes.empty() ||
        next.bytes.size() > size || total > kMaxSegmented) {
      break;
    }
    if (next.bytes.size() < size) return count + 1;
  }
  return count;
}

const Endpoint& destination(const Datagram& datagram) {
  const Endpoint* to = endpoint_of(datagram.way);
  CULVERT_CHECK(to != nullptr);
  return *to;
}

bool is_full(int error) { return error == EAGAIN || error == ENOBUFS || error == EINTR; }

}  // namespace

// The arrays of one sendmmsg. They point to the datagrams; no bytes are copied.
class UdpGather {
 public:
  // Takes datagrams from the front until the arrays are full. Returns their number.
  std::size_t fill(std::span<const Datagram> batch, bool segment, bool mapped) {
    std::size_t taken = 0;
    messages_ = vectors_used_ = 0;
    while (taken < batch.size() && messages_ < kSendBatch) {
      const auto rest = batch.subspan(taken);
      const auto run = segment ? run_length(rest) : 1;
      if (vectors_used_ + run > vectors_.size()) break;
      add(rest.first(run), mapped);
      taken += run;
    }
    return taken;
  }
  mmsghdr* headers() { return headers_.data(); }
  std::size_t messages() const { return messages_; }
  std::size_t run(std::size_t message) const { return runs_[message]; }
  std::size_t datagrams(std::size_t messages) const {
    return std::accumulate(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(messages),
                           std::size_t{0});
  }

 private:
  void add(std::span<const Datagram> run, bool mapped) {
    auto& address = addresses_[messages_];
    const Endpoint& to = destination(run.front());
    address = to_sockaddr(to, mapped);
    auto& header = headers_[messages_].msg_hdr;
    header = {};
    header.msg_name = address.raw();
    header.msg_namelen = address.size;
    header.msg_iov = vectors_.data() + vectors_used_;
    header.msg_iovlen = run.size();
    for (const auto& datagram : run) {
      vectors_[vectors_used_++] = {datagram.bytes.data(), datagram.bytes.size()};
    }
    header.msg_control = controls_[messages_].data();
    if (run.size() > 1) {
      control(header, SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(run.front().bytes.size()));
    }
    if (run.front().ecn != 0) {
      const bool v4 = to.address.is_v4();
      control(header, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS,
              int{run.front().ecn});
    }
    runs_[messages_++] = run.size();
  }

  // Appends one control message.
  template <class T>
  static void control(msghdr& header, int level, int type, T value) {
    cmsghdr message{};
    message.cmsg_level = level;
    message.cmsg_type = type;
    message.cmsg_len = CMSG_LEN(sizeof value);
    auto* at = static_cast<char*>(header.msg_control) + header.msg_controllen;
    std::memcpy(at, &message, sizeof message);
    std::memcpy(at + CMSG_LEN(0), &value, sizeof value);
    header.msg_controllen += CMSG_SPACE(sizeof value);
  }

  static constexpr std::size_t kControl =
      CMSG_SPACE(sizeof(std::uint16_t)) + CMSG_SPACE(sizeof(int));
  std::array<mmsghdr, kSendBatch> headers_{};
  std::array<SocketAddress, kSendBatch> addresses_{};
  std::array<iovec, 4 * kMaxSegments> vectors_{};
  alignas(cmsghdr) std::array<std::array<char, kControl>, kSendBatch> controls_{};
  std::array<std::size_t, kSendBatch> runs_{};
  std::size_t messages_ = 0;
  std::size_t vectors_used_ = 0;
};

void UdpSocket::Impl::count_sent(std::span<const Datagram> sent) {
  counters.sent += sent.size();
  for (const auto& datagram : sent) counters.sent_bytes += datagram.bytes.size();
}

UdpSent UdpSocket::send(std::span<const Datagram> batch) {
  UdpSent result;
  auto& self = *impl_;
  if (!self.gather) self.gather = std::make_shared<UdpGather>();
  auto& gather = *self.gather;
  std::size_t plain = 0;  // number of datagrams at the front that are sent without segmentation
  while (!batch.empty()) {
    if (plain > 0) {
      plain -= gather.fill(batch.first(plain), false, self.mapped);
    } else {
      gather.fill(batch, self.gso, self.mapped);
    }
    const int sent =
        ::sendmmsg(self.descriptor, gather.headers(), static_cast<unsigned>(gather.messages()), 0);
    ++self.counters.send_calls;
    if (sent > 0) {
      const auto count = gather.datagrams(static_cast<std::size_t>(sent));
      self.count_sent(batch.first(count));
      batch = batch.subspan(count);
    } else if (is_full(errno)) {
      result.dropped += batch.size();
      self.counters.dropped += batch.size();
      break;
    } else if (gather.run(0) > 1 && (errno == EIO || errno == EOPNOTSUPP)) {
      self.gso = false;  // the device cannot segment: sends one by one from now on
    } else if (gather.run(0) > 1 && (errno == EINVAL || errno == EMSGSIZE)) {
      plain = gather.run(0);  // the datagrams of this run do not fit the path's MTU
    } else if (errno == EMSGSIZE) {
      ++result.dropped;
      ++self.counters.dropped;
      batch = batch.subspan(1);
    } else {
      ++self.counters.errors;
      auto& list = result.unreachable;
      const Endpoint& to = destination(batch.front());
      if (std::find(list.begin(), list.end(), to) == list.end()) list.push_back(to);
      batch = batch.subspan(gather.run(0));
    }
  }
  return result;
}

}  // namespace culvert::runtime

#include "proto/runtime/packet/link_watch.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "proto/core/bytes.hpp"
#include "proto/runtime/loop/handle.hpp"

namespace culvert::runtime {
namespace {

constexpr std::size_t kReceiveSize = 64U << 10U;  // bytes; netlink(7): a message needs 8 KiB

struct LinkRequest {
  nlmsghdr header;
  ifinfomsg link;
};

}  // namespace

struct LinkWatch::Impl {
  ~Impl() {
    poll.reset();
    if (descriptor >= 0) ::close(descriptor);
  }

  Status open(Loop& loop, const std::string& name);
  bool ask() const;
  void on_readable();
  void take(ByteView message, bool left);

  int descriptor = -1;
  int index = 0;
  LinkState state;
  bool known = false;
  Changed changed;
  HandlePtr<uv_poll_t> poll;
  std::weak_ptr<Impl> self;
  Bytes memory = Bytes(kReceiveSize);
};

Status LinkWatch::Impl::open(Loop& loop, const std::string& name) {
  index = static_cast<int>(if_nametoindex(name.c_str()));
  if (index == 0) return fail(ErrorCode::kNotFound, "there is no interface " + name);
  descriptor = ::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (descriptor < 0 ||
      ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      !ask()) {
    return fail_with(uv_error("cannot watch the interface " + name, -errno));
  }
  poll = HandlePtr<uv_poll_t>(new uv_poll_t{});
  const int status = uv_poll_init(loop.raw(), poll.get(), descriptor);
  if (status != 0) {
    delete poll.release();
    return fail_with(uv_error("cannot watch the interface " + name, status));
  }
  poll->data = this;
  uv_poll_start(poll.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
    if (handle->data != nullptr) static_cast<Impl*>(handle->data)->on_readable();
  });
  return {};
}

// Asks for the state of the one interface. The answer looks like a change message.
bool LinkWatch::Impl::ask() const {
  LinkRequest request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.link.ifi_family = AF_UNSPEC;
  request.link.ifi_index = index;
  return ::send(descriptor, &request, sizeof request, 0) >= 0;
}

void LinkWatch::Impl::on_readable() {
  const auto held = self.lock();
  const auto size = ::recv(descriptor, memory.data(), memory.size(), 0);
  if (size < 0) {
    if (errno == ENOBUFS) ask();  // the kernel dropped change messages
    return;
  }
  ByteView rest = ByteView(memory).first(static_cast<std::size_t>(size));
  while (rest.size() >= sizeof(nlmsghdr) && poll) {
    nlmsghdr header{};
    std::memcpy(&header, rest.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) return;
    if (header.nlmsg_type == RTM_NEWLINK || header.nlmsg_type == RTM_DELLINK) {
      take(rest.subspan(sizeof header, header.nlmsg_len - sizeof header),
           header.nlmsg_type == RTM_DELLINK);
    }
    rest = rest.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), rest.size()));
  }
}

void LinkWatch::Impl::take(ByteView message, bool left) {
  ifinfomsg link{};
  if (message.size() < sizeof link) return;
  std::memcpy(&link, message.data(), sizeof link);
  if (link.ifi_index != index) return;
  LinkState now = state;
  now.up = (link.ifi_flags & IFF_UP) != 0;
  now.left = left;
  ByteView rest = message.subspan(sizeof link);
  while (rest.size() >= sizeof(rtattr)) {
    rtattr attribute{};
    std::memcpy(&attribute, rest.data(), sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > rest.size()) break;
    if (attribute.rta_type == IFLA_MTU && attribute.rta_len == sizeof attribute + 4) {
      now.mtu = load_le<std::uint32_t>(rest.data() + sizeof attribute);
    }
    rest = rest.subspan(std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), rest.size()));
  }
  const bool same = known && now.up == state.up && now.mtu == state.mtu && now.left == state.left;
  known = true;
  state = now;
  if (!same) changed(state);
}

Result<std::unique_ptr<LinkWatch>> LinkWatch::open(Loop& loop, const std::string& name,
                                                   Changed changed) {
  auto impl = std::make_shared<Impl>();
  impl->self = impl;
  impl->changed = std::move(changed);
  if (auto opened = impl->open(loop, name); !opened) return fail_with(opened.error());
  return std::unique_ptr<LinkWatch>(new LinkWatch(std::move(impl)));
}

LinkWatch::LinkWatch(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
LinkWatch::~LinkWatch() { impl_->poll.reset(); }

}  // namespace culvert::runtime

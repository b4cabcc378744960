#include "proto/runtime/packet/private_network.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "proto/core/bytes.hpp"
#include "proto/runtime/loop/handle.hpp"

namespace culvert::runtime {
namespace {

Error broken_helper() {
  return {ErrorCode::kUnavailable, "the helper process of the kernel's stack does not answer"};
}

// Reads an error answer. The child wrote the text, so only its printable ASCII is kept.
Error read_problem(ByteView answer) {
  auto code = ErrorCode::kInternal;
  if (answer[0] <= static_cast<int>(ErrorCode::kInternal) + 1) {
    code = static_cast<ErrorCode>(answer[0] - 1);
  }
  std::string problem;
  for (const std::uint8_t byte : answer.subspan(1)) {
    problem += byte >= 0x20 && byte < 0x7F ? static_cast<char>(byte) : '?';
  }
  return {code, problem.empty() ? "refused" : problem};
}

// The one descriptor of a message, or -1. The kernel closes descriptors that have no room.
int descriptor_of(msghdr& message) {
  int descriptor = -1;
  const cmsghdr* control = CMSG_FIRSTHDR(&message);
  if (control != nullptr && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
      control->cmsg_len == CMSG_LEN(sizeof descriptor)) {
    std::memcpy(&descriptor, CMSG_DATA(control), sizeof descriptor);
  }
  return descriptor;
}

// Waits until the socket is readable. False: the time is over, or poll(2) failed. A signal to this
// process interrupts poll(2) and says nothing about the helper, so the wait goes on.
bool wait_readable(int socket, Duration limit) {
  const Instant end = read_clocks().steady + limit;
  pollfd readable{socket, POLLIN, 0};
  for (;;) {
    const Duration left = std::max(Duration::zero(), end - read_clocks().steady);
    const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left);
    const int ready = ::poll(&readable, 1, static_cast<int>(whole.count()));
    if (ready >= 0 || errno != EINTR) return ready == 1;
  }
}

}  // namespace

struct PrivateNetwork::Watch {
  HandlePtr<uv_poll_t> poll;
  std::function<void()> broken;

  void end() {
    poll.reset();
    if (const auto call = std::exchange(broken, nullptr)) call();
  }
};

Result<std::unique_ptr<PrivateNetwork>> PrivateNetwork::fork(const PrivateNetworkOptions& options) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_with(uv_error("cannot make a socket pair", -errno));
  }
  const pid_t child = ::fork();
  if (child == 0) serve_private_network(ends[1], options);
  const int error = errno;
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return fail_with(uv_error("cannot start a process", -error));
  }
  return std::make_unique<PrivateNetwork>(ends[0], child);
}

PrivateNetwork::~PrivateNetwork() {
  if (watch_) {
    watch_->broken = nullptr;
    watch_->poll.reset();
  }
  ::close(socket_);
  end_child();
}

void PrivateNetwork::end_child() {
  const pid_t child = std::exchange(child_, 0);
  if (child <= 0) return;
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<int> PrivateNetwork::ask(char request) {
  Result<int> answer = fail_with(broken_helper());
  if (::send(socket_, &request, 1, MSG_NOSIGNAL) == 1) answer = receive();
  return answer;
}

Result<int> PrivateNetwork::receive() {
  const bool ready = wait_readable(socket_, kAnswerTime);
  std::array<std::uint8_t, 1 + kMaxProblem> bytes{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec piece{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_LEN(sizeof(int));  // no padding: no room for a second descriptor
  ssize_t size = 0;
  if (ready) size = ::recvmsg(socket_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const int descriptor = size > 0 ? descriptor_of(message) : -1;
  const bool cut_off = (message.msg_flags & MSG_CTRUNC) != 0;
  if (size == 1 && bytes[0] == 0 && descriptor >= 0 && !cut_off) return descriptor;
  if (size == 1 && bytes[0] == 0 && descriptor < 0 && cut_off) {
    return fail(ErrorCode::kExhausted, "no descriptor is free (raise the limit of open files)");
  }
  if (descriptor >= 0) ::close(descriptor);
  if (size >= 1 && bytes[0] != 0 && descriptor < 0 && (message.msg_flags & MSG_TRUNC) == 0) {
    return fail_with(read_problem(ByteView(bytes).first(static_cast<std::size_t>(size))));
  }
  ::shutdown(socket_, SHUT_RDWR);  // a late answer must not be taken for that of a later request
  end_child();
  return fail_with(broken_helper());
}

Status PrivateNetwork::watch(Loop& loop, std::function<void()> broken) {
  watch_ = std::make_shared<Watch>();
  watch_->broken = std::move(broken);
  auto& poll = watch_->poll;
  poll = HandlePtr<uv_poll_t>(new uv_poll_t{});
  const int status = uv_poll_init(loop.raw(), poll.get(), socket_);
  if (status != 0) {
    delete poll.release();
    return fail_with(uv_error("cannot watch the helper process", status));
  }
  poll->data = watch_.get();
  // The child sends only answers, and receive() reads those. So an event here means that the child
  // has ended.
  uv_poll_start(poll.get(), UV_READABLE | UV_DISCONNECT, [](uv_poll_t* handle, int, int) {
    if (handle->data != nullptr) static_cast<Watch*>(handle->data)->end();
  });
  return {};
}

}  // namespace culvert::runtime

// The child of private_network.hpp. The child is forked without an exec, so it has the parent's
// memory. The seccomp filter allows no system call that could carry that memory away.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstring>

#include "proto/core/bytes.hpp"
#include "proto/runtime/packet/interface.hpp"
#include "proto/runtime/packet/private_network.hpp"
#include "proto/runtime/packet/tun.hpp"

namespace culvert::runtime {
namespace {

constexpr std::uint32_t kOwnTable = 100;  // routing table for packets from the device
constexpr std::uint32_t kOwnPriority = 100;

Status failed(const char* doing, ErrorCode code) {
  return fail(code, std::string(doing) + ": " + std::strerror(errno));
}

// Wipes the environment, which may contain a token or a proxy's password.
void forget_environment() {
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    ::explicit_bzero(*at, std::strlen(*at));
  }
  ::clearenv();
}

// Separates the child from its parent: ignores the signals that a terminal's ^C and a service
// manager send to the whole process group, since the parent decides when the child ends.
bool leave_parent(int socket) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(signal, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "culvert-sockets");
  const auto own = static_cast<unsigned>(socket);
  forget_environment();
  return (own == 0 || ::close_range(0, own - 1, 0) == 0) &&
         ::close_range(own + 1, UINT_MAX, 0) == 0;
}

// Lets TCP give up unacknowledged data after 100 s instead of a quarter of an hour. Where /proc/sys
// cannot be written, the kernel's default stays.
void give_up_sooner() {
  const int setting = ::open("/proc/sys/net/ipv4/tcp_retries2", O_WRONLY | O_CLOEXEC);
  if (setting < 0) return;
  [[maybe_unused]] const bool taken = ::write(setting, "8", 1) == 1;
  ::close(setting);
}

// Makes the device in a new network namespace. IPv6 sockets there may have every address of the
// prefix; the parent binds the sockets and so decides which addresses are served. Packets to the
// prefix go to the device; packets from the device to the prefix are delivered locally. Forwarding
// is off, as in every new namespace.
Result<int> make_device(const PrivateNetworkOptions& options, bool vnet) {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    return fail_with(failed("a user namespace is refused here", ErrorCode::kDenied).error());
  }
  TunOptions tun;
  tun.name = options.name;
  tun.mtu = options.mtu;
  tun.offloads.vnet = vnet;
  auto device = make_tun(tun);
  if (!device) return device;
  const Route out{tun.name, options.prefix, kMainTable, {}, false};
  const Route in{"lo", options.prefix, kOwnTable, {}, true};
  Rule arrived;
  arrived.priority = kOwnPriority;
  arrived.to = options.prefix;
  arrived.from = tun.name;
  arrived.table = kOwnTable;
  Status done = bring_link_up("lo");
  if (done) done = bring_link_up(tun.name);
  if (done) done = add_route(out);
  if (done) done = add_route(in);
  if (done) done = add_rule(arrived);
  give_up_sooner();
  if (done) return device;
  ::close(*device);
  return fail_with(done.error());
}

constexpr sock_filter statement(unsigned code, std::uint32_t k) {
  return {static_cast<std::uint16_t>(code), 0, 0, k};
}
// Goes on with the next statement if the loaded word is `k`, else skips `otherwise` statements.
constexpr sock_filter unless(std::uint32_t k, std::uint8_t otherwise) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, otherwise, k};
}
constexpr sock_filter load(std::size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
constexpr sock_filter kAllow = statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
constexpr sock_filter kKill = statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;  // matches no machine: the child ends, lwIP is used
#endif

Status confine() {
  __user_cap_header_struct whose{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &whose, none.data()) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return failed("capabilities cannot be given up", ErrorCode::kInternal);
  }
  std::array filter{
      load(offsetof(seccomp_data, arch)),
      unless(kArchitecture, 13),
      load(offsetof(seccomp_data, nr)),
      unless(SYS_recvfrom, 1),
      kAllow,
      unless(SYS_sendmsg, 1),
      kAllow,
      unless(SYS_close, 1),
      kAllow,
      unless(SYS_exit_group, 1),
      kAllow,
      unless(SYS_socket, 3),
      load(offsetof(seccomp_data, args)),  // low word of args[0]: both machines are little-endian
      unless(AF_INET6, 1),
      kAllow,
      kKill,
  };
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    return failed("seccomp is refused", ErrorCode::kUnavailable);
  }
  return {};
}

// Sends `bytes` and the descriptor, if any, as one answer, and closes the descriptor.
bool answer(int socket, ByteView bytes, int descriptor) {
  iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptor)> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  const bool sent = ::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0;
  if (descriptor >= 0) ::close(descriptor);
  return sent;
}

Bytes problem(const Error& error) {
  Bytes bytes{static_cast<std::uint8_t>(static_cast<int>(error.code) + 1)};
  append(bytes, view(std::string_view(error.message).substr(0, PrivateNetwork::kMaxProblem)));
  return bytes;
}

char next_request(int socket) {
  char request = 0;
  return ::recv(socket, &request, 1, 0) == 1 ? request : '\0';
}

constexpr std::uint8_t kDone[] = {0};
constexpr std::uint8_t kNoSocket[] = {static_cast<int>(ErrorCode::kExhausted) + 1};

}  // namespace

void serve_private_network(int socket, const PrivateNetworkOptions& options) {
  const char first = leave_parent(socket) ? next_request(socket) : '\0';
  if (first != 'd' && first != 'p') ::_exit(0);
  auto device = make_device(options, first == 'd');
  if (device) {
    if (auto confined = confine(); !confined) device = fail_with(confined.error());
  }
  if (!device) {
    answer(socket, problem(device.error()), -1);
    ::_exit(0);
  }
  bool serving = answer(socket, kDone, *device);
  while (serving && next_request(socket) == 's') {
    const int made = ::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    serving = made >= 0 ? answer(socket, kDone, made) : answer(socket, kNoSocket, -1);
  }
  ::_exit(0);
}

}  // namespace culvert::runtime

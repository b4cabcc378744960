// The answers of the helper process, good and bad; then the real helper process, where the system
// allows a user namespace, and the error where the system does not.
#include "proto/runtime/packet/private_network.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <thread>

#include "proto/core/bytes.hpp"
#include "tests/proto/runtime/runtime_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

PrivateNetworkOptions options() { return {"mesh", 1420, *parse_prefix("fd63:756c:7665::/48")}; }

// The test plays the helper at the helper's end of the socket pair.
struct Helper {
  Helper() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) == 0);
    own = ends[1];
    network = std::make_unique<PrivateNetwork>(ends[0], 0);
  }
  ~Helper() { ::close(own); }

  void answer(ByteView bytes, std::size_t descriptors) const {
    iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (descriptors > 0) {
      const std::array<int, 2> given{own, own};
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
      std::memcpy(CMSG_DATA(header), given.data(), descriptors * sizeof(int));
    }
    REQUIRE(::sendmsg(own, &message, 0) >= 0);
  }

  int own = -1;
  std::unique_ptr<PrivateNetwork> network;
};

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (int each = 0; each < 512; ++each) {
    if (::fcntl(each, F_GETFD) >= 0) ++count;
  }
  return count;
}

Bytes refusal(ErrorCode code, std::string_view words) {
  Bytes bytes{static_cast<std::uint8_t>(static_cast<int>(code) + 1)};
  append(bytes, view(words));
  return bytes;
}

}  // namespace

TEST_CASE("private network: answers", "[runtime][private_network]") {
  struct Case {
    const char* what;
    Bytes bytes;
    std::size_t descriptors;
    std::optional<Error> error;  // none: the answer has a descriptor
    bool ends;
  };
  const Error broken{ErrorCode::kUnavailable,
                     "the helper process of the kernel's stack does not answer"};
  const std::string words(PrivateNetwork::kMaxProblem, 'x');
  const std::vector<Case> cases = {
      {"a descriptor", {0}, 1, {}, false},
      {"a refusal", refusal(ErrorCode::kDenied, "no"), 0, Error{ErrorCode::kDenied, "no"}, false},
      {"the longest one", refusal(ErrorCode::kInvalid, words), 0, Error{ErrorCode::kInvalid, words},
       false},
      {"one without words", {1}, 0, Error{ErrorCode::kInvalid, "refused"}, false},
      {"an unknown code", {0xFF, 'a'}, 0, Error{ErrorCode::kInternal, "a"}, false},
      {"control characters", refusal(ErrorCode::kDenied, "a\n\x1b[2Jb\xff"), 0,
       Error{ErrorCode::kDenied, "a??[2Jb?"}, false},
      {"two descriptors", {0}, 2, broken, true},
      {"yes without a descriptor", {0}, 0, broken, true},
      {"a refusal with a descriptor", refusal(ErrorCode::kDenied, "no"), 1, broken, true},
      {"yes with words", {0, 'a'}, 1, broken, true},
      {"too long", refusal(ErrorCode::kDenied, words + "y"), 0, broken, true},
      {"empty", {}, 0, broken, true},
  };
  for (const auto& each : cases) {
    CAPTURE(each.what);
    const Helper helper;
    const auto before = open_descriptors();
    helper.answer(each.bytes, each.descriptors);
    const auto got = helper.network->socket();
    CHECK(got.has_value() == !each.error);
    if (got) ::close(*got);
    if (each.error) CHECK(got.error() == *each.error);
    CHECK(open_descriptors() == before);
    char request = 0;
    CHECK(::recv(helper.own, &request, 1, MSG_DONTWAIT) == 1);
    CHECK(request == 's');
    CHECK((::recv(helper.own, &request, 1, MSG_DONTWAIT) == 0) == each.ends);
    if (each.ends) CHECK(helper.network->socket().error() == broken);
  }
}

TEST_CASE("private network: a socket fails without a free descriptor, the next one works",
          "[runtime][private_network]") {
  const Helper helper;
  helper.answer(Bytes{0}, 1);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{1, before.rlim_max};  // poll(2) needs one descriptor
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto got = helper.network->socket();
  ::setrlimit(RLIMIT_NOFILE, &before);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ErrorCode::kExhausted);
  helper.answer(Bytes{0}, 1);
  const auto again = helper.network->socket();
  REQUIRE(again);
  ::close(*again);
}

TEST_CASE("private network: a signal while the helper works is no answer",
          "[runtime][private_network]") {
  static std::atomic<int> handled;
  handled = 0;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { ++handled; };
  ::sigaction(SIGUSR1, &action, &before);
  const Helper helper;
  const auto asking = ::pthread_self();
  std::thread working([&] {
    char request = 0;
    if (::recv(helper.own, &request, 1, 0) != 1) return;
    for (int sent = 1; sent <= 100; ++sent) {  // the first ones may come before the wait begins
      ::pthread_kill(asking, SIGUSR1);
      while (handled < sent) std::this_thread::yield();
    }
    helper.answer(Bytes{0}, 1);
  });
  const auto got = helper.network->socket();
  working.join();
  ::sigaction(SIGUSR1, &before, nullptr);
  REQUIRE(got);
  ::close(*got);
}

TEST_CASE("private network: the end of its process is reported once, from the loop",
          "[runtime][private_network]") {
  Loop loop;
  Helper helper;
  int told = 0;
  REQUIRE(helper.network->watch(loop, [&] { ++told; }));
  ::shutdown(helper.own, SHUT_RDWR);
  RUN_UNTIL(loop, told > 0);
  loop.defer([] {});
  CHECK_FALSE(loop.run_until([&] { return told > 1; }, Duration::zero()));
}

TEST_CASE("private network: the real helper gives sockets of another namespace",
          "[runtime][private_network]") {
  auto network = PrivateNetwork::fork(options());
  REQUIRE(network);
  const auto device = (*network)->device();
  if (!device) {
    WARN("not tried: " + device.error().message);
    return;
  }
  const auto socket = (*network)->socket();
  REQUIRE(socket);
  // The namespace of the helper has other interfaces than the test's namespace.
  ifreq interface {};
  std::memcpy(interface.ifr_name, "mesh", 5);
  CHECK(::ioctl(*socket, SIOCGIFMTU, &interface) == 0);
  CHECK(interface.ifr_mtu == 1420);
  CHECK(if_nametoindex("mesh") == 0);
  // The helper has ended after its one device.
  CHECK((*network)->device().error().code == ErrorCode::kUnavailable);
  CHECK_FALSE((*network)->socket());
  network->reset();
  CHECK(::ioctl(*socket, SIOCGIFMTU, &interface) == 0);  // a socket outlives the helper
  ::close(*socket);
  ::close(*device);
}

// A container's default seccomp profile gives the same refusal.
TEST_CASE("private network: refused by a seccomp filter", "[runtime][private_network]") {
  const pid_t child = ::fork();
  if (child == 0) {
    std::array filter{
        sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_unshare},
        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(2);
    auto network = PrivateNetwork::fork(options());
    const auto device = network ? (*network)->device() : Result<int>(1);
    const bool said = !device && device.error().code == ErrorCode::kDenied &&
                      device.error().message.find("a user namespace is refused here") == 0;
    ::_exit(said ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

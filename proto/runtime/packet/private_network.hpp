// The kernel's TCP in a network namespace of our own, without a privilege: a child enters a new
// user namespace and in it a network namespace (user_namespaces(7)) that has a TUN device and
// nothing else, and hands descriptors back. A descriptor keeps its namespace, so the device and
// the sockets are then used here like any others; the kernel lets the owner of a user namespace,
// which is this process, bind low ports in it.
//
// What the child can do. Once the device is handed over it holds no capability, and by its seccomp
// filter no system call but: read a request, make an IPv6 TCP socket, send it, close it, exit. It
// has no open file but its end of the socket pair, was forked before this process had a secret, and
// ends with this process. It reads one byte a request:
//
//   request    'd' the device, first and once ('p': without vnet, offload.hpp) · 's' a socket
//   answer     0, with one descriptor (SCM_RIGHTS) · or an ErrorCode's number + 1, then UTF-8 text,
//              kMaxProblem bytes at most
//
// One request at a time; the answer is waited for (kAnswerTime). What is not such an answer, and an
// end of the child, ends the whole: broken().
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "proto/core/prefix.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

struct PrivateNetworkOptions {
  std::string name;  // of the device
  std::size_t mtu = 1280;
  Prefix prefix;  // what the device reaches; what comes from it to there is for our sockets
};

class PrivateNetwork {
 public:
  static constexpr Duration kAnswerTime = 5s;  // a busy kernel may keep a request that long
  static constexpr std::size_t kMaxProblem = 300;

  // Call it while the process has one thread and no secret. The child only waits, until device().
  static Result<std::unique_ptr<PrivateNetwork>> fork(const PrivateNetworkOptions& options);
  // At the other end of `socket` is such a child, `child` its process (0: somebody else's).
  PrivateNetwork(int socket, pid_t child) : socket_(socket), child_(child) {}
  ~PrivateNetwork();  // ends the child; its descriptors live on
  PrivateNetwork(const PrivateNetwork&) = delete;
  PrivateNetwork& operator=(const PrivateNetwork&) = delete;

  // The device for Tun::adopt(). kDenied and the like: this system does not allow it.
  Result<int> device(bool vnet = true) { return ask(vnet ? 'd' : 'p'); }
  Result<int> socket() { return ask('s'); }  // IPv6, TCP, non-blocking, unbound

  // `broken` comes once, from the loop: no more sockets.
  Status watch(Loop& loop, std::function<void()> broken);

 private:
  struct Watch;
  Result<int> ask(char request);
  Result<int> receive();
  void end_child();

  int socket_;
  pid_t child_;
  std::shared_ptr<Watch> watch_;
};

// The child's part: never returns.
[[noreturn]] void serve_private_network(int socket, const PrivateNetworkOptions& options);

}  // namespace culvert::runtime

// The kernel's TCP in our own network namespace, without a privilege. A child process enters a new
// user namespace with a new network namespace (user_namespaces(7)), makes a TUN device in it, and
// hands descriptors to this process. A descriptor keeps its namespace, so this process uses the
// device and the sockets like any others. This process owns the user namespace, so the kernel lets
// it bind low ports there.
//
// The child's rights. Once the device is handed over, the child has no capability. Its seccomp
// filter allows only: read a request, make an IPv6 TCP socket, send it, close it, exit. Its one
// open file is its end of the socket pair. It was forked before this process had a secret, and it
// ends with this process. A request is one byte:
//
//   request    'd' the device, first and once ('p': without vnet, offload.hpp) · 's' a socket
//   answer     0, with one descriptor (SCM_RIGHTS) · or an ErrorCode's number + 1, then UTF-8 text,
//              kMaxProblem bytes at most
//
// One request at a time; this process waits for the answer (kAnswerTime). After any other answer,
// and after the end of the child, there are no more sockets: `broken` is called.
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
  std::string name;  // name of the device
  std::size_t mtu = 1280;
  Prefix prefix;  // routed to the device; packets from the device to it are for our sockets
};

class PrivateNetwork {
 public:
  static constexpr Duration kAnswerTime = 5s;  // a busy kernel may take so long for a request
  static constexpr std::size_t kMaxProblem = 300;

  // Call it while the process has one thread and no secret. The child does nothing until device().
  static Result<std::unique_ptr<PrivateNetwork>> fork(const PrivateNetworkOptions& options);
  // The other end of `socket` runs serve_private_network(). `child`: its process, which the
  // destructor ends; 0: the caller ends it.
  PrivateNetwork(int socket, pid_t child) : socket_(socket), child_(child) {}
  ~PrivateNetwork();  // ends the child; descriptors that it gave stay valid
  PrivateNetwork(const PrivateNetwork&) = delete;
  PrivateNetwork& operator=(const PrivateNetwork&) = delete;

  // The device, for Tun::adopt(). An error such as kDenied: this system does not allow a device.
  Result<int> device(bool vnet = true) { return ask(vnet ? 'd' : 'p'); }
  Result<int> socket() { return ask('s'); }  // IPv6, TCP, non-blocking, unbound

  // `broken` is called once, from the loop, when there can be no more sockets.
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

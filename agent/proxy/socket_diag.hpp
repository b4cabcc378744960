// Asks the kernel for the owner of one socket: NETLINK_SOCK_DIAG (sock_diag(7)), one exact request
// for the client's end of a connection or for the sender of a datagram. The kernel looks the socket
// up in a hash table, so the cost does not grow with the number of sockets on the machine.
//
//   request  nlmsghdr ‖ inet_diag_req_v2 (family, protocol, addresses, ports, interface, no cookie)
//   answer   nlmsghdr ‖ inet_diag_msg (state, addresses, ports, uid, inode), or nlmsgerr: ENOENT
#pragma once

#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"

namespace culvert::proxy {

enum class Transport { kTcp, kUdp };

// The socket of a local client, seen from its own end.
struct SocketQuestion {
  Transport transport = Transport::kTcp;
  Endpoint client;
  Endpoint server;  // for a datagram: its destination
  friend bool operator==(const SocketQuestion&, const SocketQuestion&) = default;
};

// Pure. `interface`: 0, or the index of the interface to which the client's socket is bound.
Bytes render_diag_request(const SocketQuestion& question, std::uint32_t interface);

enum class DiagOutcome {
  kOwner,    // the kernel names an owner
  kNobody,   // no such socket, or its process has closed it
  kRefused,  // the kernel does not answer such questions here (seccomp filter, no module)
};
struct DiagAnswer {
  DiagOutcome outcome = DiagOutcome::kRefused;
  std::uint32_t uid = 0;  // for kOwner
};
// Pure. An answer about another socket than the question's counts as kNobody.
DiagAnswer parse_diag_answer(ByteView message, const SocketQuestion& question);

// A netlink socket. Used by one thread; a question costs two system calls and waits only for the
// kernel's look-up.
class SocketDiag {
 public:
  static Result<SocketDiag> open();
  ~SocketDiag();
  SocketDiag(SocketDiag&& other) noexcept;
  SocketDiag& operator=(SocketDiag&& other) noexcept;

  DiagAnswer ask(const SocketQuestion& question);

 private:
  explicit SocketDiag(int descriptor) : descriptor_(descriptor) {}
  DiagAnswer ask(const SocketQuestion& question, std::uint32_t interface);
  int descriptor_ = -1;
};

}  // namespace culvert::proxy

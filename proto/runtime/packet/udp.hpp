// A UDP socket for the data path: a raw descriptor under uv_poll, recvmmsg and sendmmsg batches,
// UDP_GRO and UDP_SEGMENT where the kernel takes them (probed; udp(7)).
// The kernel's buffers are the only queues: a datagram that does not fit is dropped and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/datagram.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/packet/offload.hpp"

namespace culvert::runtime {

// Several sockets may share one port, one for each thread: the system gives each remote endpoint to
// one socket.
enum class PortShare : std::uint8_t {
  kAlone,
  kFirst,    // fails when the port is in use; further sockets may join the port afterwards
  kFurther,  // joins a port that has its first socket
};

struct UdpOptions {
  Offloads offloads = {};  // gro and gso are used
  // True: the owner measures the path's size, so datagrams are not fragmented and ICMP about the
  // size is ignored (IP_PMTUDISC_PROBE, ip(7)). A datagram longer than the interface's MTU counts
  // as dropped.
  bool whole = false;
  PortShare share = PortShare::kAlone;
  SocketIndex index = {};  // in the ways of received datagrams
};

struct UdpSent {
  std::size_t dropped = 0;            // full buffer, or too long for the interface
  std::vector<Endpoint> unreachable;  // the system refused this destination
};

struct UdpCounters {
  std::uint64_t received = 0, received_bytes = 0, truncated = 0;
  std::uint64_t sent = 0, sent_bytes = 0, dropped = 0, errors = 0;
  std::uint64_t receive_calls = 0, send_calls = 0;
};

class UdpSocket {
 public:
  // Each way is a UdpWay of this socket. The bytes may be changed in place and are valid during the
  // call.
  using Received = std::function<void(std::span<Datagram>)>;

  // Port 0 lets the system choose. [::] carries both families (IPv4 alone where there is no IPv6).
  static Result<std::unique_ptr<UdpSocket>> open(Loop& loop, const Endpoint& at, Received received,
                                                 UdpOptions options = {});
  ~UdpSocket();  // safe inside `received`
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  // Each way is a UdpWay (checked). Datagrams in a row with one way, equal size (the last may be
  // shorter) and equal ECN leave as one segmented send.
  UdpSent send(std::span<const Datagram> batch);

  Status set_mark(std::uint32_t mark);  // SO_MARK, for policy routing; 0: none; CAP_NET_ADMIN
  Endpoint local_endpoint() const;
  const UdpCounters& counters() const;
  bool segmentation() const;  // UDP_SEGMENT is in use; false after a device has refused it

 private:
  struct Impl;
  explicit UdpSocket(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

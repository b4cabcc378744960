// A UDP socket for the data path: a raw descriptor under uv_poll, recvmmsg and sendmmsg batches,
// UDP_GRO and UDP_SEGMENT where the kernel takes them (probed; udp(7)).
// The kernel's buffers are the queues: what does not fit is dropped and counted, as on the wire.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/packet/offload.hpp"

namespace culvert::runtime {

struct Datagram {
  Endpoint from;
  MutableByteView bytes;  // may be changed in place; valid during the call
  std::uint8_t ecn = 0;   // of its IP header (RFC 3168): the low two bits of TOS or traffic class
};
struct OutDatagram {
  Endpoint to;
  ByteView bytes;
  std::uint8_t ecn = 0;
};

// Several sockets of one port, one a thread: the system gives each remote endpoint to one of them.
enum class PortShare : std::uint8_t {
  kAlone,
  kFirst,    // must find the port free; others may join it then
  kFurther,  // joins
};

struct UdpOptions {
  Offloads offloads = {};  // of them gro and gso
  // The owner measures what the path carries: no fragments, and no belief in ICMP about it
  // (IP_PMTUDISC_PROBE, ip(7)). What the interface does not take whole counts as dropped.
  bool whole = false;
  PortShare share = PortShare::kAlone;
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
  using Received = std::function<void(std::span<Datagram>)>;

  // Port 0 lets the system choose. [::] carries both families (IPv4 alone where there is no IPv6).
  static Result<std::unique_ptr<UdpSocket>> open(Loop& loop, const Endpoint& at, Received received,
                                                 UdpOptions options = {});
  ~UdpSocket();  // safe inside `received`
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  // Runs of equal size and ECN to one destination (the last may be shorter) leave as one segmented
  // send.
  UdpSent send(std::span<const OutDatagram> batch);

  Status set_mark(std::uint32_t mark);  // SO_MARK, for policy routing; 0: none; CAP_NET_ADMIN
  Endpoint local_endpoint() const;
  const UdpCounters& counters() const;
  bool segmentation() const;  // still in use; a device that refuses it turns it off

 private:
  struct Impl;
  explicit UdpSocket(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

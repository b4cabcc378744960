// UdpSocket's inside: udp.cpp opens and receives, udp_send.cpp sends.
#pragma once

#include <netinet/udp.h>

#include <array>

#include "proto/runtime/loop/handle.hpp"
#include "proto/runtime/loop/sockaddr.hpp"
#include "proto/runtime/packet/udp.hpp"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace culvert::runtime {

class UdpGather;  // udp_send.cpp

// One wake-up receives 16 messages, or fewer large ones, so that packets from the TUN device need
// not wait long.
inline constexpr std::size_t kReceiveBatch = 16;
inline constexpr std::size_t kReceiveBytes = 256U
                                             << 10U;  // bytes of a wake-up, if sizes do not change
inline constexpr std::size_t kReceiveSize = 64U << 10U;  // the largest coalesced datagram
inline constexpr std::size_t kMaxSegments = 64;          // the kernel's UDP_MAX_SEGMENTS
inline constexpr std::size_t kMaxSegmented = 65'000;     // bytes of one segmented send
inline constexpr std::size_t kSendBatch = 64;            // messages in one sendmmsg
inline constexpr int kSocketBuffer = 4 << 20;            // requested; the system may give less

struct UdpSocket::Impl {
  ~Impl();

  int descriptor = -1;
  bool mapped = false;  // AF_INET6: IPv4 as ::ffff:a.b.c.d
  bool gso = false;
  bool gro = false;
  Endpoint local;
  SocketIndex index;
  Received received;
  UdpCounters counters;
  HandlePtr<uv_poll_t> poll;
  std::weak_ptr<Impl> self;

  std::size_t receive_batch = kReceiveBatch;  // messages of the next wake-up
  std::vector<std::uint8_t> memory;           // kReceiveBatch · kReceiveSize
  std::vector<Datagram> datagrams;            // kept to reuse its memory
  std::shared_ptr<UdpGather> gather;          // made at the first send

  Status open(Loop& loop, const Endpoint& at, const UdpOptions& options);
  void on_readable();
  void split(std::size_t segment, Datagram whole);
  void count_sent(std::span<const Datagram> sent);
};

}  // namespace culvert::runtime

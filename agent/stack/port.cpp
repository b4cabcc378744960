#include "agent/stack/port.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#include "agent/stack/netstack.hpp"
#include "lwip/icmp6.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "proto/crypto/hash.hpp"

namespace culvert::stack {
namespace {

constexpr tcpwnd_size_t kLittleHeld = 16U << 10U;

Port* current = nullptr;  // NOLINT: lwIP's callbacks carry no context

struct Packet {
  pbuf_custom base;  // first, so that lwIP's pointer is ours
  std::size_t size;
  tcp_peer* peer;  // the peer whose share counts the packet; null until a connection takes it
};

// The memory of small packets that lwIP has freed, kept for the next packets: a list for each size
// class. The allocator's own lists hold seven pieces of a size, and a turn holds hundreds.
class FreedPackets {
 public:
  static constexpr std::size_t kStep = 64;  // bytes between size classes
  static constexpr std::size_t kClasses = 8;
  static constexpr std::size_t kKept = 1U << 20U;  // bytes in all classes

  static std::size_t rounded(std::size_t size) { return (size + kStep - 1) / kStep * kStep; }

  void* take(std::size_t size) {  // `size` is rounded
    const std::size_t place = size / kStep - 1;
    if (place >= kClasses || kept_[place].empty()) return ::operator new(size);
    void* piece = kept_[place].back();
    kept_[place].pop_back();
    bytes_ -= size;
    return piece;
  }
  void give(void* piece, std::size_t size) {
    const std::size_t place = size / kStep - 1;
    if (kSanitized || place >= kClasses || bytes_ + size > kKept) {
      return ::operator delete(piece);
    }
    kept_[place].push_back(piece);
    bytes_ += size;
  }
  void clear() {
    for (auto& list : kept_) {
      for (void* piece : list) ::operator delete(piece);
      list = {};
    }
    bytes_ = 0;
  }

 private:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr bool kSanitized = true;  // a use after the free must show
#elif defined(__has_feature)
  static constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
  static constexpr bool kSanitized = false;
#endif
  std::array<std::vector<void*>, kClasses> kept_;
  std::size_t bytes_ = 0;
};

FreedPackets freed;  // NOLINT: lwIP's callbacks carry no context

void free_packet(pbuf* buffer) {
  auto* packet = reinterpret_cast<Packet*>(buffer);
  if (packet->peer != nullptr) tcp_peer_release(packet->peer, packet->size);
  freed.give(packet, packet->size);
}

}  // namespace

void set_port(Port* port) {
  static bool initialised = false;
  current = port;
  if (port == nullptr) freed.clear();
  if (port == nullptr || initialised) return;
  initialised = true;
  lwip_init();
}

ip_addr_t to_lwip(const IpAddress& address) {
  ip_addr_t out{};
  std::memcpy(out.addr, address.bytes.data(), address.bytes.size());
  return out;
}

IpAddress from_lwip(const ip_addr_t& address) {
  IpAddress out;
  std::memcpy(out.bytes.data(), address.addr, out.bytes.size());
  return out;
}

pbuf* copy_packet(ByteView bytes) {
  const auto size = static_cast<u16_t>(bytes.size());
  const std::size_t whole = FreedPackets::rounded(sizeof(Packet) + size);
  auto* packet = static_cast<Packet*>(freed.take(whole));
  packet->base.custom_free_function = &free_packet;
  packet->size = whole;
  packet->peer = nullptr;
  auto* payload = reinterpret_cast<std::uint8_t*>(packet + 1);
  std::memcpy(payload, bytes.data(), size);
  return pbuf_alloced_custom(PBUF_RAW, size, PBUF_REF, &packet->base, payload, size);
}

std::size_t held_bytes() { return tcp_all.held; }

}  // namespace culvert::stack

extern "C" {

using culvert::ByteView;
using culvert::stack::current;
using culvert::stack::kLittleHeld;
using culvert::stack::kMaxHeldBytes;

uint32_t culvert_lwip_random(void) {
  return current == nullptr ? 0 : static_cast<std::uint32_t>(current->rng->next());
}

// The initial sequence number (RFC 6528 §3): a clock of 4 µs plus a keyed hash of the connection's
// addresses and ports.
uint32_t culvert_lwip_isn(const ip6_addr_t* local, uint16_t local_port, const ip6_addr_t* remote,
                          uint16_t remote_port) {
  std::array<std::uint8_t, 36> names{};
  std::memcpy(names.data(), local->addr, 16);
  std::memcpy(names.data() + 16, remote->addr, 16);
  culvert::store_be(names.data() + 32, local_port);
  culvert::store_be(names.data() + 34, remote_port);
  const auto mac = culvert::crypto::blake2s_mac16(current->sequence_key, names);
  const auto clock = static_cast<std::uint32_t>(current->now().nanoseconds / 4000);
  return clock + culvert::load_be<std::uint32_t>(mac.data());
}

// Whether a received packet may be kept. A packet out of order gets at most half of the free
// memory, so that the missing packet finds room. A connection whose reader keeps up is not stopped
// by other connections of its peer while a quarter of the memory is free.
err_t culvert_lwip_keep(const tcp_pcb* pcb, const tcp_hdr* header, pbuf* data) {
  if (data->tot_len == 0 || pcb->state == LISTEN || pcb->peer == nullptr) return ERR_OK;
  auto* packet = reinterpret_cast<culvert::stack::Packet*>(data);
  const std::size_t left = kMaxHeldBytes - std::min(kMaxHeldBytes, tcp_all.held);
  const bool in_order = TCP_SEQ_LEQ(header->seqno, pcb->rcv_nxt);
  const bool keeps_up =
      in_order && TCP_WND_MAX(pcb) - pcb->rcv_wnd < kLittleHeld && left > kMaxHeldBytes / 4;
  if (!keeps_up && pcb->peer->held >= (in_order ? left : left / 2)) {
    if (current != nullptr) ++current->refused_packets;
    return ERR_MEM;
  }
  packet->peer = pcb->peer;
  tcp_peer_hold(packet->peer, packet->size);
  return ERR_OK;
}

// A peer cannot cause an assertion to fail (patches/06-peers.patch). A failed assertion is a bug
// with unknown consequences, so the program ends.
void culvert_lwip_assert(const char* message) {
  std::fprintf(stderr, "lwIP assertion: %s\n", message);
  std::abort();
}

void tcp_timer_needed(void) {
  if (current != nullptr) current->timer_needed();
}

// ip6_input() calls this for bad extension headers. It does nothing: such packets never reach lwIP.
void icmp6_param_problem(pbuf* /*p*/, icmp6_pp_code /*code*/, const void* /*pointer*/) {}

}  // extern "C"

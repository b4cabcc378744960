// Where lwIP meets the rest: addresses, packet buffers, and the functions that its C code calls.
// lwIP has one state for the process, so what it needs of us hangs on one pointer here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"
#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"

namespace culvert::stack {

// What the hooks of the C code use; owned by the one Netstack, which sets and clears it.
struct Port {
  Rng* rng = nullptr;
  std::array<std::uint8_t, 32> sequence_key{};  // RFC 6528's secret, new in each process
  std::function<Instant()> now;
  std::function<void()> timer_needed;
  std::uint64_t refused_packets = 0;  // with data, as their peer had its share of what is held
};
void set_port(Port* port);  // lwIP is initialised at the first call; null: no stack

ip_addr_t to_lwip(const IpAddress& address);
IpAddress from_lwip(const ip_addr_t& address);

// A copy of one packet, for lwIP to keep or free. In held_bytes() from when a connection has it
// until it is freed.
pbuf* copy_packet(ByteView packet);
std::size_t held_bytes();

}  // namespace culvert::stack

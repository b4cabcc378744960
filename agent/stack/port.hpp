// Connects lwIP to our code: addresses, packet buffers, and the functions that lwIP's C code calls.
// lwIP has one global state for the process, so these functions use one global Port.
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

// The data that the hooks of the C code use. The one Netstack owns it, sets it and clears it.
struct Port {
  Rng* rng = nullptr;
  std::array<std::uint8_t, 32> sequence_key{};  // the secret of RFC 6528, new in each process
  std::function<Instant()> now;
  std::function<void()> timer_needed;
  std::uint64_t refused_packets = 0;  // data packets of a peer that had its share of held bytes
};
void set_port(Port* port);  // initialises lwIP at the first call; null: there is no stack

ip_addr_t to_lwip(const IpAddress& address);
IpAddress from_lwip(const ip_addr_t& address);

// A copy of one packet, which lwIP keeps or frees. held_bytes() counts the copy from the time when
// a connection takes it until it is freed.
pbuf* copy_packet(ByteView packet);
std::size_t held_bytes();

}  // namespace culvert::stack

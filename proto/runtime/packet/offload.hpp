// Offloads of the data path to the kernel. Each offload is probed where it is used, has a fall-back
// that carries the same packets, and can be switched off for a driver or kernel with a fault:
//
//   vnet  IFF_VNET_HDR: packets of the TUN device come with a virtio_net_hdr, checksums left to us
//   tso   TCP super-packets of up to 64 KiB at the TUN device, both ways; needs vnet
//   uso   UDP super-packets at the TUN device (kernel 6.2); needs vnet
//   gro   UDP_GRO: datagrams of one sender are received as one
//   gso   UDP_SEGMENT: datagrams to one receiver are sent as one
#pragma once

#include <string_view>

#include "proto/core/result.hpp"

namespace culvert::runtime {

struct Offloads {
  bool vnet = true;
  bool tso = true;
  bool uso = true;
  bool gro = true;
  bool gso = true;

  static constexpr Offloads none() { return {false, false, false, false, false}; }
  // Words separated by commas, each "-" and a name from above, or "-all". "" switches nothing off.
  static Result<Offloads> parse(std::string_view words);
};

// Chooses the library for the batches of proto/crypto/aead.hpp by its name; "": the fastest in a
// measurement of one millisecond. Call it before there are threads.
Status choose_aead(std::string_view name);

}  // namespace culvert::runtime

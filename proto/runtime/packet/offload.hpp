// What the kernel may do for the data path. Each is probed where it is used, has a fall-back that
// carries the same packets, and can be switched off, should a driver or a kernel get it wrong:
//
//   vnet  IFF_VNET_HDR: packets of the TUN device come with a virtio_net_hdr, checksums left to us
//   tso   … and TCP super-packets of up to 64 KiB, both ways; needs vnet
//   uso   … and UDP ones (kernel 6.2); needs vnet
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
  // Words with commas between them, each "-" and a name from above, or "-all"; "" changes nothing.
  static Result<Offloads> parse(std::string_view words);
};

// The library for the batches of proto/crypto/aead.hpp: the one of this name, or for "" the fastest
// of a millisecond's measurement. To be called before there are threads.
Status choose_aead(std::string_view name);

}  // namespace culvert::runtime

// A TUN device (linux/if_tun.h): IP packets between the kernel and this process, in batches. With
// offloads (IFF_VNET_HDR, TUNSETOFFLOAD; probed) both sides exchange super-packets, which are split
// and joined here (proto/ip/offload). What the kernel has for us waits flow by flow, and not for
// long (proto/ip/flow_queue). Creating one needs CAP_NET_ADMIN; it goes when its descriptor closes,
// at a crash too. Addresses, routes and link state are proto/runtime/interface.hpp's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/core/roomy_packet.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/packet/offload.hpp"

namespace culvert::runtime {

// Several queues of one device, one a thread: the system gives each flow to one of them.
enum class TunQueue : std::uint8_t {
  kOnly,
  kFirst,    // makes the device
  kFurther,  // of a device that has its first
};

struct TunOptions {
  std::string name;        // at most 15 bytes; with %d the kernel counts up
  std::size_t mtu = 1420;  // set on the device
  Offloads offloads = {};  // of them vnet, tso and uso
  TunQueue queue = TunQueue::kOnly;
  std::function<void()> gone = {};  // somebody deleted the device; nothing comes after
};

// A device and nothing else, in the caller's network namespace: its descriptor, which is the
// caller's, for Tun::adopt(). Errors as of Tun::open().
Result<int> make_tun(TunOptions& options);  // `name` becomes the one that the kernel chose

struct TunCounters {
  std::uint64_t packets_in = 0, bytes_in = 0, reads = 0;  // from the kernel
  std::uint64_t packets_out = 0, bytes_out = 0, writes = 0;
  std::uint64_t dropped_in = 0;   // malformed super-packets
  std::uint64_t thinned_in = 0;   // packets dropped, or marked, for having waited (CoDel)
  std::uint64_t dropped_out = 0;  // the kernel would not take them
};

class Tun {
 public:
  // IP packets of at most the MTU each, with ip::kRoomBefore and ip::kRoomBehind around them; valid
  // during the call.
  using Received = std::function<void(std::span<const RoomyPacket> packets)>;

  // kDenied: not permitted, or no /dev/net/tun; kConflict: the name is taken; kInvalid: the name.
  static Result<std::unique_ptr<Tun>> open(Loop& loop, Received received, TunOptions options);
  // One that make_tun() has made, perhaps in another process or network namespace. Takes the
  // descriptor over, also when it fails. Of the options, `offloads` (but vnet) and
  // `gone` count.
  static Result<std::unique_ptr<Tun>> adopt(Loop& loop, int descriptor, Received received,
                                            TunOptions options);
  ~Tun();  // safe inside `received`
  Tun(const Tun&) = delete;
  Tun& operator=(const Tun&) = delete;

  void write(std::span<const ByteView> packets);  // what the kernel does not take is dropped

  const std::string& name() const;
  const TunCounters& counters() const;

 private:
  struct Impl;
  explicit Tun(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

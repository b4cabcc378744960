// A TUN device (linux/if_tun.h): IP packets between the kernel and this process, in batches. With
// offloads (IFF_VNET_HDR, TUNSETOFFLOAD; probed) both sides exchange super-packets, which the Tun
// splits and joins (proto/ip/offload.hpp). Packets from the kernel wait in a queue for each flow,
// and CoDel keeps the wait short (proto/ip/flow_queue.hpp). Making a device needs CAP_NET_ADMIN.
// The device is removed when its descriptor closes, also at a crash. interface.hpp sets addresses,
// routes and link state.
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

// A device may have several queues, one for each thread: the system gives each flow to one queue.
enum class TunQueue : std::uint8_t {
  kOnly,
  kFirst,    // makes the device
  kFurther,  // joins a device that has its first queue
};

struct TunOptions {
  std::string name;        // at most 15 bytes; with %d the kernel counts up
  std::size_t mtu = 1420;  // set on the device
  Offloads offloads = {};  // vnet, tso and uso are used
  TunQueue queue = TunQueue::kOnly;
  std::function<void()> gone = {};  // somebody deleted the device; the last event
};

// Only makes a device, in the caller's network namespace. Returns its descriptor, which the caller
// owns and may give to Tun::adopt(). Errors as for Tun::open().
Result<int> make_tun(TunOptions& options);  // sets `name` to the name that the kernel chose

struct TunCounters {
  std::uint64_t packets_in = 0, bytes_in = 0, reads = 0;  // from the kernel
  std::uint64_t packets_out = 0, bytes_out = 0, writes = 0;
  std::uint64_t dropped_in = 0;   // malformed super-packets
  std::uint64_t thinned_in = 0;   // packets that CoDel dropped or marked
  std::uint64_t dropped_out = 0;  // packets that the kernel did not take
};

class Tun {
 public:
  // IP packets of at most the MTU each, with kRoomBefore and kRoomBehind around them; valid
  // during the call.
  using Received = std::function<void(std::span<const RoomyPacket> packets)>;

  // kDenied: not permitted, or no /dev/net/tun. kConflict: the name is in use. kInvalid: bad name.
  static Result<std::unique_ptr<Tun>> open(Loop& loop, Received received, TunOptions options);
  // Uses a device that make_tun() has made, perhaps in another process or network namespace. Owns
  // the descriptor from now on, also on failure. Only the options `offloads` (without vnet) and
  // `gone` are used.
  static Result<std::unique_ptr<Tun>> adopt(Loop& loop, int descriptor, Received received,
                                            TunOptions options);
  ~Tun();  // safe inside `received`
  Tun(const Tun&) = delete;
  Tun& operator=(const Tun&) = delete;

  void write(std::span<const ByteView> packets);  // drops packets that the kernel does not take

  const std::string& name() const;
  const TunCounters& counters() const;

 private:
  struct Impl;
  explicit Tun(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

#include "proto/runtime/packet/tun.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "proto/ip/ecn.hpp"
#include "proto/ip/flow_queue.hpp"
#include "proto/ip/offload.hpp"
#include "proto/ip/packet.hpp"
#include "proto/runtime/loop/handle.hpp"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

namespace culvert::runtime {
namespace {

// Size of the memory for one read. The packet begins at offset kRoomBefore, where a
// virtio_net_hdr ends if the device has one.
constexpr std::size_t kReadMost = kRoomBefore + ip::kMaxSuperPacket + kRoomBehind;
constexpr std::size_t kMaxReads = 256;  // reads in one turn
// The most that one turn hands on. It is small, so that datagrams of peers need not wait long.
constexpr std::size_t kBatchBytes = 128 * 1024;
constexpr std::size_t kBatch = 64;  // packets or super-packets
// The size of the flow queue: 1.25 MiB, which fits into the processor's cache, 2 ms at 5 Gbit/s.
// Further packets wait in the device.
constexpr std::size_t kWaitingBlocks = 5;
constexpr std::size_t kWaitingPackets = 4096;
// Packets that the device queues for us. The system's default of 500 is full when this process does
// not run for as little as 5 ms.
constexpr int kQueueLength = 4000;

Error failed(const std::string& doing, int error) { return uv_error(doing, -error); }

// Sets the MTU and the queue length. An ioctl on an interface name needs a socket, of any kind.
Status set_up(const std::string& name, std::size_t mtu) {
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_mtu = static_cast<int>(mtu);
  const int status = any < 0 ? -1 : ::ioctl(any, SIOCSIFMTU, &request);
  const int error = errno;
  request.ifr_qlen = kQueueLength;
  if (any >= 0) ::ioctl(any, SIOCSIFTXQLEN, &request);  // refused in a user namespace
  if (any >= 0) ::close(any);
  if (status != 0) return fail_with(failed("cannot set the MTU of " + name, error));
  return {};
}

Status attach(int descriptor, TunOptions& options) {
  ifreq request{};
  std::memcpy(request.ifr_name, options.name.data(), options.name.size());
  const int flags = IFF_TUN | IFF_NO_PI | (options.offloads.vnet ? IFF_VNET_HDR : 0) |
                    (options.queue == TunQueue::kOnly ? 0 : IFF_MULTI_QUEUE);
  request.ifr_flags = static_cast<short>(flags);
  if (::ioctl(descriptor, TUNSETIFF, &request) != 0) {
    const int error = errno;
    if (error == EPERM || error == EACCES) {
      return fail(ErrorCode::kDenied,
                  "creating " + options.name + " needs root or the capability CAP_NET_ADMIN");
    }
    if (error == EINVAL) {
      return fail(ErrorCode::kInvalid, "the system refuses the name " + options.name);
    }
    return fail_with(failed("cannot create " + options.name, error));
  }
  options.name = request.ifr_name;
  if (options.queue == TunQueue::kFurther) return {};
  return set_up(options.name, options.mtu);
}

}  // namespace

Result<int> make_tun(TunOptions& options) {
  if (options.name.empty() || options.name.size() >= IFNAMSIZ) {
    return fail(ErrorCode::kInvalid, "an interface name has 1 to 15 characters: " + options.name);
  }
  const bool there = if_nametoindex(options.name.c_str()) != 0;
  if (there && options.queue != TunQueue::kFurther) {
    return fail(ErrorCode::kConflict, "there is an interface " + options.name + " already");
  }
  const int descriptor = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) {
    return fail(ErrorCode::kDenied, std::string("/dev/net/tun: ") + std::strerror(errno));
  }
  if (auto attached = attach(descriptor, options); !attached) {
    ::close(descriptor);
    return fail_with(attached.error());
  }
  return descriptor;
}

struct Tun::Impl {
  explicit Impl(Loop& of) : loop(of) {}
  ~Impl() {
    poll.reset();  // libuv stops watching at once; only then may the descriptor be closed
    busy.reset();
    if (descriptor >= 0) ::close(descriptor);
  }

  Status watch(const Offloads& wanted);
  void probe_offload(const Offloads& wanted);
  void turn();
  bool read_waiting();
  void take_batch();
  void take(MutableByteView place, bool thin);
  void write_plain(std::span<const ByteView> packets);
  void write_joined(std::span<const ByteView> packets);
  void count_write(ssize_t written, std::size_t size);

  Loop& loop;
  int descriptor = -1;
  std::string name;
  bool virtio = false;                         // a virtio_net_hdr precedes each packet
  ip::Coalescer::Offers offers{false, false};  // super-packets that the device takes
  Received received;
  std::function<void()> gone;
  TunCounters counters;
  HandlePtr<uv_poll_t> poll;
  HandlePtr<uv_idle_t> busy;  // causes the turns instead of `poll` while packets wait
  std::weak_ptr<Impl> self;

  ip::FlowQueue queue{kWaitingBlocks, kWaitingPackets};
  std::vector<RoomyPacket> packets;
  ip::Splitter splitter;
  ip::Coalescer coalescer;
};

// Kernels before 6.2 refuse UDP super-packets; the kernel then segments UDP itself.
void Tun::Impl::probe_offload(const Offloads& wanted) {
  const unsigned udp = wanted.uso ? TUN_F_USO4 | TUN_F_USO6 : 0U;
  const unsigned tcp = wanted.tso ? TUN_F_TSO4 | TUN_F_TSO6 : 0U;
  if (::ioctl(descriptor, TUNSETOFFLOAD, TUN_F_CSUM | tcp | udp) == 0) {
    offers = {wanted.tso, wanted.uso};
  } else if (::ioctl(descriptor, TUNSETOFFLOAD, TUN_F_CSUM | tcp) == 0) {
    offers = {wanted.tso, false};
  }
}

Status Tun::Impl::watch(const Offloads& wanted) {
  ifreq facts{};
  if (::ioctl(descriptor, TUNGETIFF, &facts) != 0) {
    return fail_with(failed("not the descriptor of a TUN device", errno));
  }
  name = facts.ifr_name;
  virtio = (facts.ifr_flags & IFF_VNET_HDR) != 0;
  if (virtio) probe_offload(wanted);
  poll = HandlePtr<uv_poll_t>(new uv_poll_t{});
  const int status = uv_poll_init(loop.raw(), poll.get(), descriptor);
  if (status != 0) {
    delete poll.release();
    return fail_with(uv_error("cannot watch " + name, status));
  }
  poll->data = this;
  uv_poll_start(poll.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
    // A deleted device causes an error of the poll; the read in turn() then reports it.
    auto* const impl = static_cast<Impl*>(handle->data);
    if (impl != nullptr && uv_is_active(reinterpret_cast<uv_handle_t*>(impl->busy.get())) == 0) {
      impl->turn();
    }
  });
  busy = make_handle(uv_idle_init, loop.raw(), this);
  return {};
}

// One turn: sorts the packets that the device holds by flows, and hands one batch on. While packets
// wait, the next turn comes by itself, after the loop's other descriptors had their turn.
void Tun::Impl::turn() {
  const auto held = self.lock();
  const bool deleted = !read_waiting();
  take_batch();
  if (!packets.empty()) received(packets);
  if (!poll) return;  // closed meanwhile
  if (deleted) {
    poll.reset();
    busy.reset();
    if (gone) gone();
  } else if (queue.empty()) {
    uv_idle_stop(busy.get());
  } else {
    uv_idle_start(busy.get(), [](uv_idle_t* handle) { static_cast<Impl*>(handle->data)->turn(); });
  }
}

// Reads the packets that wait in the device into the flow queue. False: the device was deleted.
bool Tun::Impl::read_waiting() {
  const Instant now = loop.now().steady;
  const std::size_t header = virtio ? ip::kVirtioHeaderSize : 0;
  for (std::size_t reads = 0; reads < kMaxReads; ++reads) {
    const MutableByteView place = queue.room(kReadMost);
    if (place.empty()) break;
    auto* const to = place.data() + kRoomBefore - header;
    const ssize_t size = ::read(descriptor, to, header + ip::kMaxSuperPacket);
    if (size < 0) return errno != EBADFD;  // the descriptor has lost its device
    ++counters.reads;
    if (static_cast<std::size_t>(size) <= header) {
      ++counters.dropped_in;
      continue;
    }
    const std::size_t packet = static_cast<std::size_t>(size) - header;
    counters.bytes_in += packet;
    queue.push(now, kRoomBefore + packet + kRoomBehind,
               ip::flow_hash(place.subspan(kRoomBefore, packet)));
  }
  return true;
}

void Tun::Impl::take_batch() {
  packets.clear();
  splitter.clear();
  const Instant now = loop.now().steady;
  std::size_t bytes = 0;
  for (std::size_t taken = 0; taken < kBatch && bytes < kBatchBytes; ++taken) {
    const auto next = queue.pop(now);
    if (!next) break;
    bytes += next->bytes.size();
    take(next->bytes, next->thin);
  }
  counters.packets_in += packets.size();
}

// Takes over one packet or super-packet. `place` has a virtio_net_hdr, if any, that ends at
// kRoomBefore, and the packet. `thin`: CoDel wants one packet less. The first packet is marked
// with CE if its sender supports ECN (RFC 8289, section 3.4), else dropped.
void Tun::Impl::take(MutableByteView place, bool thin) {
  const std::size_t header = virtio ? ip::kVirtioHeaderSize : 0;
  const RoomyPacket packet{place, kRoomBefore, place.size() - kRoomBefore - kRoomBehind};
  const std::size_t first = packets.size();
  if (!virtio) {
    packets.push_back(packet);
  } else if (!splitter.split(ip::VirtioHeader::read(place.data() + kRoomBefore - header), packet,
                             packets)) {
    ++counters.dropped_in;
  }
  if (!thin || packets.size() == first) return;
  ++counters.thinned_in;
  const MutableByteView one = packets[first].packet();
  if (ip::Addresses::parse(one) && ip::ecn_of(one) != ip::kNotEct) {
    ip::set_ecn(one, ip::kCe);
  } else {
    packets.erase(packets.begin() + static_cast<std::ptrdiff_t>(first));
  }
}

void Tun::Impl::count_write(ssize_t written, std::size_t size) {
  ++counters.writes;
  if (written < 0) {
    ++counters.dropped_out;
  } else {
    counters.bytes_out += size;
  }
}

void Tun::Impl::write_plain(std::span<const ByteView> batch) {
  for (const ByteView packet : batch) {
    count_write(::write(descriptor, packet.data(), packet.size()), packet.size());
  }
}

void Tun::Impl::write_joined(std::span<const ByteView> batch) {
  std::array<iovec, 2 + ip::kMaxPieces> vectors{};
  const auto add = [&vectors](std::size_t at, const std::uint8_t* data, std::size_t size) {
    vectors[at] = {const_cast<std::uint8_t*>(data), size};
  };
  for (const ip::CoalescedPacket& packet : coalescer.join(batch, offers)) {
    std::size_t used = 0;
    add(used++, packet.virtio.data(), packet.virtio.size());
    if (packet.head_size > 0) add(used++, packet.head.data(), packet.head_size);
    for (const ByteView piece : coalescer.pieces(packet)) add(used++, piece.data(), piece.size());
    count_write(::writev(descriptor, vectors.data(), static_cast<int>(used)), packet.size);
  }
}

Result<std::unique_ptr<Tun>> Tun::open(Loop& loop, Received received, TunOptions options) {
  const auto descriptor = make_tun(options);
  if (!descriptor) return fail_with(descriptor.error());
  return adopt(loop, *descriptor, std::move(received), std::move(options));
}

Result<std::unique_ptr<Tun>> Tun::adopt(Loop& loop, int descriptor, Received received,
                                        TunOptions options) {
  auto impl = std::make_shared<Impl>(loop);
  impl->self = impl;
  impl->descriptor = descriptor;
  impl->received = std::move(received);
  impl->gone = std::move(options.gone);
  if (auto watched = impl->watch(options.offloads); !watched) return fail_with(watched.error());
  return std::unique_ptr<Tun>(new Tun(std::move(impl)));
}

Tun::Tun(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tun::~Tun() {
  impl_->poll.reset();
  impl_->busy.reset();
}

void Tun::write(std::span<const ByteView> packets) {
  impl_->counters.packets_out += packets.size();
  if (impl_->virtio) {
    impl_->write_joined(packets);
  } else {
    impl_->write_plain(packets);
  }
}

const std::string& Tun::name() const { return impl_->name; }
const TunCounters& Tun::counters() const { return impl_->counters; }

}  // namespace culvert::runtime

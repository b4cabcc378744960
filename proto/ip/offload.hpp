// Super-packets at a TUN device: the kernel gives and takes one packet of up to 64 KiB with a
// virtio_net_hdr in front (virtio 1.2 §5.1.6; linux/virtio_net.h).
//
//   struct virtio_net_hdr, 10 bytes, host byte order (TUNSETVNETHDRSZ left at its default):
//   0 flags · 1 gso_type · 2 hdr_len u16 · 4 gso_size u16 · 6 csum_start u16 · 8 csum_offset u16
//
// Splitter makes wire packets of one super-packet: lengths, IPv4 ids, sequence numbers, flags (FIN
// and PSH on the last only, CWR on the first only, RFC 3168 §6.1.2) and checksums. Coalescer does
// the inverse for a batch of packets that came out of the tunnel: a run of one TCP flow, or of one
// UDP flow with equal sizes, becomes one write. Order within a flow is kept. Only segments with a
// correct checksum are joined, since the kernel could not detect a wrong one after the join.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/roomy_packet.hpp"

namespace culvert::ip {

inline constexpr std::size_t kVirtioHeaderSize = 10;
inline constexpr std::size_t kMaxSuperPacket = 65535;

enum VirtioFlag : std::uint8_t { kNeedsChecksum = 1, kDataValid = 2 };
enum VirtioGso : std::uint8_t {
  kGsoNone = 0,
  kGsoTcp4 = 1,
  kGsoTcp6 = 4,
  kGsoUdp = 5,
  kGsoEcn = 0x80
};

struct VirtioHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = kGsoNone;
  std::uint16_t header_length = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;

  static VirtioHeader read(const std::uint8_t* from);
  void write(std::uint8_t* to) const;
};

// split() appends the packets to `out`. They live until the next clear() and as long as `super`.
// A packet that needs no split stays in `super` and has its room. Segments lie in the Splitter's
// memory with kRoomBefore and kRoomBehind around them, and the headers in `super` are overwritten.
// False: the virtio header is wrong or of a kind that we did not offer; drop the packet.
class Splitter {
 public:
  bool split(const VirtioHeader& header, const RoomyPacket& super, std::vector<RoomyPacket>& out);
  void clear();  // keeps the memory

 private:
  RoomyPacket allocate(std::size_t size);

  static constexpr std::size_t kChunk = 256 * 1024;
  std::vector<std::vector<std::uint8_t>> chunks_;
  std::size_t chunk_ = 0, used_ = 0;
};

inline constexpr std::size_t kMaxJoinedHeaders = 60 + 60;
inline constexpr std::size_t kMaxPieces = 64;  // packets that are joined at most

// One write to the device: `virtio`, then `head` (the first packet's headers, changed) and the
// payloads of the joined packets. With head_size 0: `virtio`, then one unchanged packet.
struct CoalescedPacket {
  std::array<std::uint8_t, kVirtioHeaderSize> virtio{};
  std::array<std::uint8_t, kMaxJoinedHeaders> head{};
  std::size_t head_size = 0;
  std::size_t first = 0;  // index of the first piece in pieces_
  std::size_t pieces = 0;
  std::size_t size = 0;  // without the virtio header
};

class Coalescer {
 public:
  struct Offers {  // what the device takes
    bool tcp = true;
    bool udp = true;
  };

  Coalescer();
  ~Coalescer();
  Coalescer(const Coalescer&) = delete;
  Coalescer& operator=(const Coalescer&) = delete;

  // Results live until the next call; the packets' bytes stay where they are.
  std::span<const CoalescedPacket> join(std::span<const ByteView> packets, Offers offers);
  std::span<const ByteView> pieces(const CoalescedPacket& of) const;

 private:
  static constexpr std::size_t kMaxRuns = 16;  // flows joined at once; one more ends the oldest run
  struct Segment;
  struct Run;
  static bool may_join(const Segment& segment, Offers offers);
  static bool follows(const Run& run, const Segment& next);
  static void extend(Run& run, const Segment& next);
  void add(ByteView packet, Offers offers);
  void single(ByteView packet);
  void joined(const Run& run);
  void finish(std::size_t index);

  std::vector<CoalescedPacket> out_;
  std::vector<ByteView> pieces_;
  std::vector<Run> runs_;
  std::size_t used_ = 0;  // runs in use, from the front of runs_
};

}  // namespace culvert::ip

#include "proto/ip/offload.hpp"

#include <cstring>
#include <utility>

#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"
#include "proto/ip/segment.hpp"

namespace culvert::ip {
namespace {

constexpr std::uint8_t kCwr = 0x80;  // RFC 3168

template <class T>
T read_native(const std::uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class T>
void write_native(std::uint8_t* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

// Writes the headers of a super-packet's segments. The checksum of the fields that all segments
// share is summed once.
class SegmentHeaders {
 public:
  // Clears the fields of the super-packet's headers that differ from segment to segment.
  SegmentHeaders(MutableByteView super, const SegmentLayout& layout)
      : layout_(layout), shared_(super.first(layout.headers)) {
    auto* const ip = super.data();
    auto* const transport = ip + layout.ip_size;
    if (layout.v6) {
      store_be(ip + 4, std::uint16_t{0});
    } else {
      id_ = load_be<std::uint16_t>(ip + 4);
      store_be(ip + 2, std::uint32_t{0});  // total length and id
      store_be(ip + 10, std::uint16_t{0});
      ip_sum_ = checksum_add(0, shared_.first(layout.ip_size));
    }
    if (layout.protocol == kTcp) {
      sequence_ = load_be<std::uint32_t>(transport + 4);
      flags_ = std::exchange(transport[13], std::uint8_t{0});
      store_be(transport + 4, std::uint32_t{0});
    } else {
      store_be(transport + 4, std::uint16_t{0});
    }
    store_be(ip + checksum_at(layout), std::uint16_t{0});
    transport_sum_ = checksum_add(pseudo_sum(shared_, layout, 0), shared_.subspan(layout.ip_size));
  }

  // Writes the headers of segment number `index`. `offset`: where the segment's payload begins in
  // the payload of the super-packet.
  void write(MutableByteView segment, std::size_t index, std::size_t offset, bool last,
             std::uint64_t payload_sum) const {
    auto* const ip = segment.data();
    auto* const transport = ip + layout_.ip_size;
    const std::size_t length = segment.size() - layout_.ip_size;
    std::memcpy(ip, shared_.data(), shared_.size());
    if (layout_.v6) {
      store_be(ip + 4, static_cast<std::uint16_t>(length));
    } else {
      const auto id = static_cast<std::uint16_t>(id_ + index);
      store_be(ip + 2, static_cast<std::uint16_t>(segment.size()));
      store_be(ip + 4, id);
      store_be(ip + 10, checksum_fold(ip_sum_ + segment.size() + id));
    }
    std::uint64_t sum = transport_sum_ + length + payload_sum;
    if (layout_.protocol == kTcp) {
      const auto sequence = static_cast<std::uint32_t>(sequence_ + offset);
      const unsigned cleared = (last ? 0U : unsigned{kFin | kPsh}) | (index == 0 ? 0U : kCwr);
      store_be(transport + 4, sequence);
      transport[13] = static_cast<std::uint8_t>(flags_ & ~cleared);
      sum += (sequence >> 16U) + (sequence & 0xFFFFU) + transport[13];
    } else {
      store_be(transport + 4, static_cast<std::uint16_t>(length));
      sum += length;
    }
    const auto value = checksum_fold(sum);
    // RFC 768: an all-zero UDP checksum would mean that there is none.
    store_be(ip + checksum_at(layout_),
             layout_.protocol == kUdp && value == 0 ? std::uint16_t{0xFFFF} : value);
  }

 private:
  SegmentLayout layout_;
  ByteView shared_;
  std::uint16_t id_ = 0;  // IPv4 only
  std::uint32_t sequence_ = 0;
  std::uint8_t flags_ = 0;
  std::uint64_t ip_sum_ = 0;
  std::uint64_t transport_sum_ = 0;
};

// VIRTIO_NET_HDR_F_NEEDS_CSUM on a packet that is not segmented: the checksum field holds the sum
// of the pseudo-header, and we add the sum of the rest.
bool finish_checksum(const VirtioHeader& header, MutableByteView packet) {
  const std::size_t at = std::size_t{header.checksum_start} + header.checksum_offset;
  if (header.checksum_start >= packet.size() || at + 2 > packet.size()) return false;
  auto value = checksum(packet.subspan(header.checksum_start));
  if (value == 0 && header.checksum_offset == 6) value = 0xFFFF;
  store_be(packet.data() + at, value);
  return true;
}

bool gso_matches(std::uint8_t type, const SegmentLayout& layout) {
  switch (type & ~kGsoEcn) {
    case kGsoTcp4:
      return layout.protocol == kTcp && !layout.v6;
    case kGsoTcp6:
      return layout.protocol == kTcp && layout.v6;
    case kGsoUdp:
      return layout.protocol == kUdp;
    default:
      return false;
  }
}

}  // namespace

VirtioHeader VirtioHeader::read(const std::uint8_t* from) {
  return {from[0],
          from[1],
          read_native<std::uint16_t>(from + 2),
          read_native<std::uint16_t>(from + 4),
          read_native<std::uint16_t>(from + 6),
          read_native<std::uint16_t>(from + 8)};
}

void VirtioHeader::write(std::uint8_t* to) const {
  to[0] = flags;
  to[1] = gso_type;
  write_native(to + 2, header_length);
  write_native(to + 4, gso_size);
  write_native(to + 6, checksum_start);
  write_native(to + 8, checksum_offset);
}

void Splitter::clear() { chunk_ = used_ = 0; }

RoomyPacket Splitter::allocate(std::size_t size) {
  const std::size_t whole = kRoomBefore + size + kRoomBehind;
  if (!chunks_.empty() && used_ + whole > kChunk) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) chunks_.emplace_back(kChunk);
  const RoomyPacket out{MutableByteView(chunks_[chunk_]).subspan(used_, whole), kRoomBefore, size};
  used_ += whole;
  return out;
}

bool Splitter::split(const VirtioHeader& header, const RoomyPacket& super,
                     std::vector<RoomyPacket>& out) {
  const auto packet = super.packet();
  if (header.gso_type == kGsoNone) {
    if ((header.flags & kNeedsChecksum) != 0 && !finish_checksum(header, packet)) return false;
    out.push_back(super);
    return true;
  }
  const auto layout = layout_of(packet);
  if (!layout || !gso_matches(header.gso_type, *layout) || header.gso_size == 0) return false;
  const auto payload = packet.subspan(layout->headers);
  const std::size_t segments = payload.empty() ? 1 : (payload.size() - 1) / header.gso_size + 1;
  const SegmentHeaders headers(packet, *layout);
  for (std::size_t i = 0; i < segments; ++i) {
    const std::size_t offset = i * header.gso_size;
    const bool last = i + 1 == segments;
    const auto part = payload.subspan(offset, last ? payload.size() - offset : header.gso_size);
    out.push_back(allocate(layout->headers + part.size()));
    const auto segment = out.back().packet();
    headers.write(segment, i, offset, last,
                  checksum_copy(0, part, segment.data() + layout->headers));
  }
  return true;
}

}  // namespace culvert::ip

#include "proto/ip/offload.hpp"

#include <algorithm>
#include <cstring>

#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"

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

// Where the headers of a TCP or UDP packet end. IPv6 with extension headers is not for offloads.
struct Layout {
  bool v6 = false;
  std::uint8_t protocol = 0;
  std::size_t ip_size = 0;
  std::size_t headers = 0;  // IP and transport
  std::size_t total = 0;    // of the packet, by its own length field
};

std::optional<Layout> layout_of(ByteView packet) {
  if (packet.size() < kIpv4HeaderSize) return std::nullopt;
  Layout out;
  if (packet[0] >> 4U == 4) {
    out.ip_size = static_cast<std::size_t>(packet[0] & 0x0FU) * 4;
    out.protocol = packet[9];
    out.total = load_be<std::uint16_t>(packet.data() + 2);
    const bool fragment = (load_be<std::uint16_t>(packet.data() + 6) & 0x3FFFU) != 0;
    if (out.ip_size < kIpv4HeaderSize || fragment) return std::nullopt;
  } else if (packet[0] >> 4U == 6 && packet.size() >= kIpv6HeaderSize) {
    out.v6 = true;
    out.ip_size = kIpv6HeaderSize;
    out.protocol = packet[6];
    out.total = kIpv6HeaderSize + load_be<std::uint16_t>(packet.data() + 4);
  } else {
    return std::nullopt;
  }
  if (out.protocol == kTcp) {
    if (packet.size() < out.ip_size + kTcpHeaderSize) return std::nullopt;
    const auto words = static_cast<std::size_t>(packet[out.ip_size + 12] >> 4U);
    if (words * 4 < kTcpHeaderSize) return std::nullopt;
    out.headers = out.ip_size + words * 4;
  } else if (out.protocol == kUdp) {
    out.headers = out.ip_size + kUdpHeaderSize;
  } else {
    return std::nullopt;
  }
  if (packet.size() < out.headers) return std::nullopt;
  return out;
}

std::size_t checksum_at(const Layout& layout) {
  return layout.ip_size + (layout.protocol == kTcp ? 16 : 6);
}

void set_ip_length(MutableByteView packet, const Layout& layout) {
  if (layout.v6) {
    store_be(packet.data() + 4, static_cast<std::uint16_t>(packet.size() - kIpv6HeaderSize));
    return;
  }
  store_be(packet.data() + 2, static_cast<std::uint16_t>(packet.size()));
  store_be(packet.data() + 10, std::uint16_t{0});
  store_be(packet.data() + 10, checksum(packet.first(layout.ip_size)));
}

// The sum over pseudo-header and transport; `length` is that of the transport.
std::uint64_t pseudo_sum(ByteView packet, const Layout& layout, std::size_t length) {
  const ByteView addresses = layout.v6 ? packet.subspan(8, 32) : packet.subspan(12, 8);
  return checksum_add(layout.protocol + length, addresses);
}

void set_transport_checksum(MutableByteView packet, const Layout& layout,
                            std::uint64_t payload_sum) {
  const auto header = packet.subspan(layout.ip_size, layout.headers - layout.ip_size);
  auto* field = packet.data() + checksum_at(layout);
  store_be(field, std::uint16_t{0});
  const auto pseudo = pseudo_sum(packet, layout, packet.size() - layout.ip_size);
  const auto value = checksum_fold(checksum_add(pseudo + payload_sum, header));
  // RFC 768: an all-zero UDP checksum would mean that there is none.
  store_be(field, layout.protocol == kUdp && value == 0 ? std::uint16_t{0xFFFF} : value);
}

bool transport_checksum_right(ByteView packet, const Layout& layout) {
  const auto transport = packet.subspan(layout.ip_size);
  return checksum_fold(checksum_add(pseudo_sum(packet, layout, transport.size()), transport)) == 0;
}

// VIRTIO_NET_HDR_F_NEEDS_CSUM on a packet that is not segmented: the field holds the
// pseudo-header's sum, the rest is ours.
bool finish_checksum(const VirtioHeader& header, MutableByteView packet) {
  const std::size_t at = std::size_t{header.checksum_start} + header.checksum_offset;
  if (header.checksum_start >= packet.size() || at + 2 > packet.size()) return false;
  auto value = checksum(packet.subspan(header.checksum_start));
  if (value == 0 && header.checksum_offset == 6) value = 0xFFFF;
  store_be(packet.data() + at, value);
  return true;
}

bool gso_matches(std::uint8_t type, const Layout& layout) {
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
  const bool tcp = layout->protocol == kTcp;
  const auto payload = packet.subspan(layout->headers);
  const std::size_t segments = payload.empty() ? 1 : (payload.size() - 1) / header.gso_size + 1;
  const auto sequence = tcp ? load_be<std::uint32_t>(packet.data() + layout->ip_size + 4) : 0;
  const auto id = load_be<std::uint16_t>(packet.data() + 4);  // IPv4's
  for (std::size_t i = 0; i < segments; ++i) {
    const std::size_t offset = i * header.gso_size;
    const bool last = i + 1 == segments;
    const auto part = payload.subspan(offset, last ? payload.size() - offset : header.gso_size);
    out.push_back(allocate(layout->headers + part.size()));
    const auto segment = out.back().packet();
    std::memcpy(segment.data(), packet.data(), layout->headers);
    auto* const transport = segment.data() + layout->ip_size;
    if (!layout->v6) store_be(segment.data() + 4, static_cast<std::uint16_t>(id + i));
    set_ip_length(segment, *layout);
    if (tcp) {
      store_be(transport + 4, static_cast<std::uint32_t>(sequence + offset));
      if (!last) transport[13] &= static_cast<std::uint8_t>(~(kFin | kPsh));
      if (i > 0) transport[13] &= static_cast<std::uint8_t>(~kCwr);
    } else {
      store_be(transport + 4, static_cast<std::uint16_t>(kUdpHeaderSize + part.size()));
    }
    set_transport_checksum(segment, *layout,
                           checksum_copy(0, part, segment.data() + layout->headers));
  }
  return true;
}

// --- joining ---

struct Coalescer::Segment {
  Layout layout;
  ByteView packet;
  ByteView payload() const { return packet.subspan(layout.headers); }
  std::uint8_t flags() const { return packet[layout.ip_size + 13]; }
  std::uint32_t sequence() const {
    return load_be<std::uint32_t>(packet.data() + layout.ip_size + 4);
  }
  std::uint16_t id() const { return load_be<std::uint16_t>(packet.data() + 4); }  // IPv4's
};

// One run under way; its payloads lie in `parts`, in order.
struct Coalescer::Run {
  Segment first;
  std::vector<ByteView> parts;
  std::size_t payload = 0;  // of all
  bool push = false;        // PSH stood on the last
  bool done = false;        // a shorter segment, or PSH: nothing may follow
};

Coalescer::Coalescer() : runs_(kMaxRuns) {}
Coalescer::~Coalescer() = default;

namespace {

// Compares parts of the headers of two packets of one layout.
struct SameBytes {
  ByteView a, b;
  bool operator()(std::size_t from, std::size_t to) const {
    return std::memcmp(a.data() + from, b.data() + from, to - from) == 0;
  }
};

bool same_flow(ByteView a, ByteView b, const Layout& layout) {
  const SameBytes same{a, b};
  const bool addresses = layout.v6 ? same(8, 40) : same(12, 20);
  return addresses && same(layout.ip_size, layout.ip_size + 4);
}

// But for what differs within a run: lengths, id, sequence number, PSH, checksums.
bool same_headers(ByteView a, ByteView b, const Layout& layout) {
  const SameBytes same{a, b};
  const std::size_t ip = layout.ip_size;
  if (layout.v6 ? !same(0, 4) || a[7] != b[7] : !same(0, 2) || !same(6, 9)) return false;
  if (layout.protocol == kUdp) return true;
  return same(ip + 8, ip + 13) && same(ip + 14, ip + 16) && same(ip + 18, layout.headers);
}

}  // namespace

bool Coalescer::may_join(const Segment& segment, Offers offers) {
  const auto& [layout, packet] = segment;
  if (layout.total != packet.size() || layout.headers == packet.size()) return false;
  if (layout.headers > kMaxJoinedHeaders) return false;
  if (layout.protocol == kTcp) {
    if (!offers.tcp || (segment.flags() & ~kPsh) != kAck) return false;
  } else {
    const auto length = load_be<std::uint16_t>(packet.data() + layout.ip_size + 4);
    const auto sum = load_be<std::uint16_t>(packet.data() + layout.ip_size + 6);
    if (!offers.udp || length != packet.size() - layout.ip_size || sum == 0) return false;
  }
  if (!layout.v6 && checksum(packet.first(layout.ip_size)) != 0) return false;
  return transport_checksum_right(packet, layout);
}

bool Coalescer::follows(const Run& run, const Segment& next) {
  const Layout& layout = run.first.layout;
  const std::size_t size = next.payload().size();
  if (run.done || next.layout.headers != layout.headers || size > run.first.payload().size() ||
      layout.headers + run.payload + size > kMaxSuperPacket || run.parts.size() == kMaxPieces) {
    return false;
  }
  if (!same_headers(run.first.packet, next.packet, layout)) return false;
  if (layout.protocol == kTcp &&
      next.sequence() != static_cast<std::uint32_t>(run.first.sequence() + run.payload)) {
    return false;
  }
  const bool may_fragment = !layout.v6 && (next.packet[6] & 0x40U) == 0;
  return !may_fragment ||
         next.id() == static_cast<std::uint16_t>(run.first.id() + run.parts.size());
}

void Coalescer::extend(Run& run, const Segment& next) {
  const std::size_t size = next.payload().size();
  const bool push = next.layout.protocol == kTcp && (next.flags() & kPsh) != 0;
  run.parts.push_back(next.payload());
  run.payload += size;
  run.push = run.push || push;
  run.done = push || size < run.first.payload().size();
}

void Coalescer::single(ByteView packet) {
  CoalescedPacket& out = out_.emplace_back();
  out.first = pieces_.size();
  out.pieces = 1;
  out.size = packet.size();
  pieces_.push_back(packet);
}

// The run's packets as one, its place free again.
void Coalescer::finish(std::size_t index) {
  const Run& run = runs_[index];
  if (run.parts.size() == 1) {
    single(run.first.packet);
  } else {
    joined(run);
  }
  const auto at = runs_.begin() + static_cast<std::ptrdiff_t>(index);
  std::rotate(at, at + 1, runs_.begin() + static_cast<std::ptrdiff_t>(used_--));
}

void Coalescer::joined(const Run& run) {
  const Layout& layout = run.first.layout;
  const bool tcp = layout.protocol == kTcp;
  CoalescedPacket& out = out_.emplace_back();
  out.head_size = layout.headers;
  out.first = pieces_.size();
  out.pieces = run.parts.size();
  out.size = layout.headers + run.payload;
  auto* const head = out.head.data();
  std::memcpy(head, run.first.packet.data(), layout.headers);
  if (layout.v6) {
    store_be(head + 4, static_cast<std::uint16_t>(out.size - kIpv6HeaderSize));
  } else {
    store_be(head + 2, static_cast<std::uint16_t>(out.size));
    store_be(head + 10, std::uint16_t{0});
    store_be(head + 10, checksum(ByteView(head, layout.ip_size)));
  }
  auto* const transport = head + layout.ip_size;
  const std::size_t length = out.size - layout.ip_size;
  if (run.push) transport[13] |= kPsh;
  if (!tcp) store_be(transport + 4, static_cast<std::uint16_t>(length));
  // The field holds the pseudo-header's sum, not complemented: the kernel adds the rest.
  const auto pseudo = checksum_fold(pseudo_sum(ByteView(head, layout.headers), layout, length));
  store_be(head + checksum_at(layout), static_cast<std::uint16_t>(~pseudo));
  VirtioHeader header;
  header.flags = kNeedsChecksum;
  header.gso_type = tcp ? (layout.v6 ? kGsoTcp6 : kGsoTcp4) : kGsoUdp;
  header.header_length = static_cast<std::uint16_t>(layout.headers);
  header.gso_size = static_cast<std::uint16_t>(run.first.payload().size());
  header.checksum_start = static_cast<std::uint16_t>(layout.ip_size);
  header.checksum_offset = tcp ? 16 : 6;
  header.write(out.virtio.data());
  pieces_.insert(pieces_.end(), run.parts.begin(), run.parts.end());
}

void Coalescer::add(ByteView packet, Offers offers) {
  const auto layout = layout_of(packet);
  if (!layout) return single(packet);
  const Segment segment{*layout, packet};
  std::size_t index = 0;  // of the flow's run
  for (; index < used_; ++index) {
    const Layout& other = runs_[index].first.layout;
    if (other.protocol == layout->protocol && other.v6 == layout->v6 &&
        other.ip_size == layout->ip_size && same_flow(runs_[index].first.packet, packet, other)) {
      break;
    }
  }
  const bool may = may_join(segment, offers);
  if (index < used_) {
    if (may && follows(runs_[index], segment)) return extend(runs_[index], segment);
    finish(index);  // before what comes after it
  }
  if (!may) return single(packet);
  if (used_ == kMaxRuns) finish(0);
  Run& run = runs_[used_++];
  run.first = segment;
  run.parts.clear();
  run.payload = 0;
  run.push = false;
  extend(run, segment);
}

std::span<const CoalescedPacket> Coalescer::join(std::span<const ByteView> packets, Offers offers) {
  out_.clear();
  pieces_.clear();
  for (const ByteView packet : packets) add(packet, offers);
  while (used_ > 0) finish(0);
  return out_;
}

std::span<const ByteView> Coalescer::pieces(const CoalescedPacket& of) const {
  return std::span(pieces_).subspan(of.first, of.pieces);
}

}  // namespace culvert::ip

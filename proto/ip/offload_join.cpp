#include "proto/ip/offload.hpp"

#include <algorithm>
#include <cstring>

#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"
#include "proto/ip/segment.hpp"

namespace culvert::ip {

struct Coalescer::Segment {
  SegmentLayout layout;
  ByteView packet;
  ByteView payload() const { return packet.subspan(layout.headers); }
  std::uint8_t flags() const { return packet[layout.ip_size + 13]; }
  std::uint32_t sequence() const {
    return load_be<std::uint32_t>(packet.data() + layout.ip_size + 4);
  }
  std::uint16_t id() const { return load_be<std::uint16_t>(packet.data() + 4); }  // IPv4 only
};

// One run under way; its payloads lie in `parts`, in order.
struct Coalescer::Run {
  Segment first;
  std::vector<ByteView> parts;
  std::size_t payload = 0;  // bytes of all parts
  bool push = false;        // the last segment had PSH
  bool done = false;        // the last segment was shorter or had PSH: nothing may follow
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

bool same_flow(ByteView a, ByteView b, const SegmentLayout& layout) {
  const SameBytes same{a, b};
  const bool addresses = layout.v6 ? same(8, 40) : same(12, 20);
  return addresses && same(layout.ip_size, layout.ip_size + 4);
}

// Compares all header fields except those that differ within a run: lengths, id, sequence number,
// PSH, checksums.
bool same_headers(ByteView a, ByteView b, const SegmentLayout& layout) {
  const SameBytes same{a, b};
  const std::size_t ip = layout.ip_size;
  if (layout.v6 ? !same(0, 4) || a[7] != b[7] : !same(0, 2) || !same(6, 9)) return false;
  if (layout.protocol == kUdp) return true;
  return same(ip + 8, ip + 13) && same(ip + 14, ip + 16) && same(ip + 18, layout.headers);
}

bool transport_checksum_right(ByteView packet, const SegmentLayout& layout) {
  const auto transport = packet.subspan(layout.ip_size);
  return checksum_fold(checksum_add(pseudo_sum(packet, layout, transport.size()), transport)) == 0;
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
  const SegmentLayout& layout = run.first.layout;
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

// Writes the run's packets out as one packet and frees the run's place.
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
  const SegmentLayout& layout = run.first.layout;
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
  // The checksum field holds the sum of the pseudo-header, not complemented: the kernel adds the
  // rest.
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
  std::size_t index = 0;  // index of the flow's run in runs_; used_: none
  for (; index < used_; ++index) {
    const SegmentLayout& other = runs_[index].first.layout;
    if (other.protocol == layout->protocol && other.v6 == layout->v6 &&
        other.ip_size == layout->ip_size && same_flow(runs_[index].first.packet, packet, other)) {
      break;
    }
  }
  const bool may = may_join(segment, offers);
  if (index < used_) {
    if (may && follows(runs_[index], segment)) return extend(runs_[index], segment);
    finish(index);  // written out before the present packet, which comes later in the flow
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

#include "proto/ip/offload.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "proto/core/rng.hpp"
#include "proto/ip/build.hpp"
#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/udp_packet.hpp"

using namespace culvert;
using namespace culvert::ip;

namespace {

const Endpoint kV4A{IpAddress::v4(10, 0, 0, 1), 4000};
const Endpoint kV4B{IpAddress::v4(10, 0, 0, 2), 5001};
Endpoint v6(std::uint8_t last, std::uint16_t port) {
  Endpoint out;
  out.address.bytes[0] = 0xFD;
  out.address.bytes[15] = last;
  out.port = port;
  return out;
}

Bytes payload(SeededRng& rng, std::size_t size) {
  Bytes out(size);
  rng.fill(out);
  return out;
}

Bytes segment(const Endpoint& from, const Endpoint& to, std::uint32_t sequence, ByteView data,
              unsigned flags = kAck) {
  return tcp_packet(from, to, {static_cast<std::uint8_t>(flags), sequence, 77, 500}, data);
}

void set_id(Bytes& packet, std::uint16_t id) {
  store_be(packet.data() + 4, id);
  store_be(packet.data() + 10, std::uint16_t{0});
  store_be(packet.data() + 10, checksum(ByteView(packet).first(20)));
}

std::vector<ByteView> views(const std::vector<Bytes>& packets) {
  return {packets.begin(), packets.end()};
}

// The bytes of one write to the device, with the virtio header.
Bytes written(const Coalescer& joiner, const CoalescedPacket& packet) {
  Bytes out(packet.virtio.begin(), packet.virtio.end());
  out.insert(out.end(), packet.head.begin(),
             packet.head.begin() + static_cast<std::ptrdiff_t>(packet.head_size));
  for (const ByteView piece : joiner.pieces(packet)) append(out, piece);
  REQUIRE(out.size() == kVirtioHeaderSize + packet.size);
  return out;
}

std::vector<Bytes> split_again(Bytes raw) {
  Splitter splitter;
  std::vector<RoomyPacket> parts;
  const auto header = VirtioHeader::read(raw.data());
  const RoomyPacket super{raw, kVirtioHeaderSize, raw.size() - kVirtioHeaderSize};
  REQUIRE(splitter.split(header, super, parts));
  std::vector<Bytes> out;
  for (const RoomyPacket& part : parts) {
    const bool roomy = part.before == kRoomBefore && part.behind() == kRoomBehind;
    CHECK((header.gso_type == kGsoNone || roomy));
    out.push_back(to_bytes(part.packet()));
  }
  return out;
}

}  // namespace

TEST_CASE("offload: a run of one flow is joined, and split again into the same bytes") {
  SeededRng rng{1};
  const bool four = GENERATE(true, false);
  const Endpoint from = four ? kV4A : v6(1, 4000);
  const Endpoint to = four ? kV4B : v6(2, 5001);
  std::vector<Bytes> packets;
  std::uint32_t sequence = 0xFFFFFF00;  // wraps during the test
  for (int i = 0; i < 20; ++i) {
    const bool last = i == 19;
    const auto data = payload(rng, last ? 77 : 1000);
    packets.push_back(segment(from, to, sequence, data, last ? kAck | kPsh : kAck));
    if (four) set_id(packets.back(), static_cast<std::uint16_t>(65530 + i));
    sequence += static_cast<std::uint32_t>(data.size());
  }
  Coalescer joiner;
  const auto joined = joiner.join(views(packets), {});
  REQUIRE(joined.size() == 1);
  CHECK(joined[0].pieces == 20);
  CHECK(split_again(written(joiner, joined[0])) == packets);
}

TEST_CASE("offload: datagrams of equal size are joined, the last may be shorter") {
  SeededRng rng{2};
  std::vector<Bytes> packets;
  for (int i = 0; i < 10; ++i) {
    packets.push_back(udp_packet(v6(1, 1), v6(2, 2), payload(rng, i == 9 ? 11 : 500)));
  }
  Coalescer joiner;
  auto joined = joiner.join(views(packets), {});
  REQUIRE(joined.size() == 1);
  CHECK(split_again(written(joiner, joined[0])) == packets);
  joined = joiner.join(views(packets), {true, false});
  CHECK(joined.size() == 10);
}

TEST_CASE("offload: only the next segment of the same flow is joined") {
  SeededRng rng{3};
  const auto from = v6(1, 4000);
  const auto to = v6(2, 5001);
  const auto data = payload(rng, 100);
  const auto first = segment(from, to, 1000, data);
  const auto pieces_of = [&](const Bytes& second) {
    Coalescer joiner;
    const std::vector<Bytes> both = {first, second};
    return joiner.join(views(both), {}).size();
  };
  CHECK(pieces_of(segment(from, to, 1100, data)) == 1);
  CHECK(pieces_of(segment(from, to, 1101, data)) == 2);               // a gap
  CHECK(pieces_of(segment(from, to, 1000, data)) == 2);               // a repetition
  CHECK(pieces_of(segment(from, to, 1100, payload(rng, 101))) == 2);  // longer than the first
  CHECK(pieces_of(segment(from, to, 1100, data, kAck | kFin)) == 2);
  CHECK(pieces_of(segment(from, to, 1100, data, kAck | 0x80)) == 2);  // CWR
  CHECK(pieces_of(segment(from, to, 1100, {})) == 2);                 // a bare acknowledgement
  CHECK(pieces_of(segment(from, v6(2, 5002), 1100, data)) == 2);
  CHECK(pieces_of(segment(v6(3, 4000), to, 1100, data)) == 2);
  auto wrong = segment(from, to, 1100, data);
  wrong.back() ^= 1U;
  CHECK(pieces_of(wrong) == 2);  // a wrong checksum must not be hidden
  auto marked = segment(from, to, 1100, data);
  marked[1] |= 0x30U;  // congestion experienced (RFC 3168): part of the traffic class
  CHECK(pieces_of(marked) == 2);
  const auto pushed = segment(from, to, 1000, data, kAck | kPsh);
  Coalescer joiner;
  const std::vector<Bytes> both = {pushed, segment(from, to, 1100, data)};
  CHECK(joiner.join(views(both), {}).size() == 2);  // PSH ends a run
}

TEST_CASE("offload: any mix comes out whole, each flow in its order") {
  const auto seed = GENERATE(range(0, 30));
  CAPTURE(seed);
  SeededRng rng{static_cast<std::uint64_t>(seed)};
  struct Flow {
    Endpoint from, to;
    bool tcp;
    std::uint32_t sequence = 5;
    std::uint16_t id = 9;
    std::vector<Bytes> sent;
  };
  std::vector<Flow> flows;
  for (std::uint8_t i = 0; i < 24; ++i) {  // more flows than are joined at a time
    const bool four = i % 3 == 0;
    flows.push_back({four ? Endpoint{kV4A.address, i} : v6(i, 1),
                     four ? kV4B : v6(99, 2),
                     i % 4 != 0,
                     5,
                     9,
                     {}});
  }
  std::vector<Bytes> packets;
  for (int i = 0; i < 400; ++i) {
    Flow& flow = flows[rng.below(flows.size())];
    const auto data = payload(rng, rng.below(5) == 0 ? rng.below(700) : 700);
    Bytes packet = flow.tcp ? segment(flow.from, flow.to, flow.sequence, data,
                                      rng.below(9) == 0 ? kAck | kPsh : kAck)
                            : udp_packet(flow.from, flow.to, data);
    if (flow.from.address.is_v4()) set_id(packet, flow.id++);
    flow.sequence += static_cast<std::uint32_t>(data.size() + (rng.below(9) == 0 ? 1 : 0));
    flow.sent.push_back(packet);
    packets.push_back(std::move(packet));
  }
  Coalescer joiner;
  std::map<std::size_t, std::vector<Bytes>> came;
  std::size_t writes = 0;
  for (const auto& joined : joiner.join(views(packets), {})) {
    ++writes;
    for (auto& packet : split_again(written(joiner, joined))) {
      for (std::size_t f = 0; f < flows.size(); ++f) {
        const auto view = PacketView::parse(packet);
        REQUIRE(view);
        if (view->source == flows[f].from.address && view->source_port() == flows[f].from.port) {
          came[f].push_back(packet);
          break;
        }
      }
    }
  }
  CHECK(writes < packets.size());
  for (std::size_t f = 0; f < flows.size(); ++f) CHECK(came[f] == flows[f].sent);
}

TEST_CASE("offload: a super-packet whose header lies is refused") {
  SeededRng rng{4};
  Bytes packet = segment(v6(1, 1), v6(2, 2), 1, payload(rng, 3000));
  Splitter splitter;
  std::vector<RoomyPacket> parts;
  const auto refused = [&](VirtioHeader header, Bytes bytes) {
    return !splitter.split(header, {bytes, 0, bytes.size()}, parts) && parts.empty();
  };
  CHECK(refused({kNeedsChecksum, kGsoTcp6, 60, 0, 40, 16}, packet));     // no size
  CHECK(refused({kNeedsChecksum, kGsoTcp4, 60, 1000, 40, 16}, packet));  // another family
  CHECK(refused({kNeedsChecksum, kGsoUdp, 60, 1000, 40, 16}, packet));   // another protocol
  CHECK(refused({kNeedsChecksum, 9, 60, 1000, 40, 16}, packet));         // no such type
  CHECK(refused({kNeedsChecksum, kGsoNone, 0, 0, 60'000, 16}, packet));  // outside
  CHECK(refused({kNeedsChecksum, kGsoNone, 0, 0, 3050, 60'000}, packet));
  CHECK(refused({kNeedsChecksum, kGsoTcp6, 60, 1000, 40, 16}, Bytes(10)));  // too short
  CHECK(refused({kNeedsChecksum, kGsoTcp6, 60, 1000, 40, 16}, {}));
}

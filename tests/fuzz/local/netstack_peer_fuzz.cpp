// A granted peer's segments on connections that it has opened: at the right sequence numbers and
// near them, with any flags, options, windows, overlaps and holes, in any order and over hours of
// simulated time, while the application writes, finishes, waits and closes. On both sides the
// received bytes must be the sent bytes, and connections that are open at the end must still make
// progress.
//
// The input is a list of records of six bytes: action and connection, one byte, two numbers.
#include "tests/fuzz/local/netstack_peer.hpp"

using namespace culvert;
using namespace culvert::device_test;
using fuzz::byte_at;
using fuzz::Peer;
using fuzz::Remote;

namespace {

constexpr std::size_t kMaxRecords = 400;

struct Record {
  std::uint8_t what, byte;
  std::uint16_t x, y;
};

// An acknowledgement number near an edge of the window, or anywhere.
std::uint32_t acknowledged(const Remote& remote, std::uint8_t how, std::uint16_t x) {
  switch (how % 6U) {
    case 0:
      return remote.next;
    case 1:
      return remote.highest;
    case 2:
      return remote.next + x % 1400;
    case 3:
      return remote.highest + x % 4;
    case 4:
      return remote.next - x % 4;
    default:
      return remote.highest == 0 ? 0 : x * 7U % remote.highest;
  }
}

// Sends an acknowledgement. A valid one also moves the peer's own acknowledgement number.
void acknowledge(Peer& peer, Remote& remote, Segment segment, std::uint32_t offset) {
  segment.ack = remote.stack_isn + 1 + offset;
  const bool valid = offset <= remote.highest && offset > remote.next;
  peer.deliver(remote, std::move(segment));
  if (valid && remote.got.size() >= remote.next) {
    remote.next = std::max(remote.next, offset);
  }
}

Bytes sack_option(const Remote& remote, Record record) {
  Bytes out{5, static_cast<std::uint8_t>(2 + 8 * (1 + record.byte % 3))};
  std::uint32_t at = remote.stack_isn + 1 + remote.next + record.x % 4096;
  for (int i = 0; i <= record.byte % 3; ++i) {
    Writer(out).be(at).be(static_cast<std::uint32_t>(at + record.y % 3000));
    at += record.y + 1;
  }
  return out;
}

void open(Peer& peer, Record record) {
  auto& remote = peer.fresh(record.what >> 4U);
  const bool called = (record.byte & 0x88U) == 0x88U;
  if (called) peer.called(remote);
  auto syn = remote.segment(called ? kSyn | kAck : kSyn);
  syn.seq = remote.isn;
  if (!called) syn.ack = 0;
  syn.window = record.y;
  if ((record.byte & 1U) != 0) syn.options = mss_option(record.x);
  if ((record.byte & 2U) != 0) append(syn.options, Bytes{4, 2});
  if ((record.byte & 4U) != 0)
    append(syn.options, Bytes{3, 3, static_cast<std::uint8_t>(record.byte >> 4U)});
  peer.deliver(remote, syn);
  if ((record.byte & 8U) == 0 || (called && (record.byte & 0x40U) != 0)) {
    peer.flush();
    auto ack = remote.segment(kAck);
    ack.window = record.y;
    peer.deliver(remote, ack);
  }
}

void send_data(Peer& peer, Remote& remote, Record record) {
  auto segment = remote.segment(kAck | (record.byte & kPsh));
  const std::uint32_t back = (record.byte & 1U) != 0 ? record.x % 3000 : 0;
  const std::uint32_t ahead = (record.byte & 2U) != 0 ? record.x : 0;
  const std::uint32_t start =
      (back > remote.sent ? 0 : remote.sent - back) + ahead * ((record.byte & 4U) != 0 ? 11U : 1U);
  const std::uint32_t size = record.y % 1401;
  segment.seq = remote.isn + 1 + start;
  for (std::uint32_t i = 0; i < size; ++i) segment.data.push_back(byte_at(start + i, true));
  if ((record.byte & 0xF0U) == 0xF0U) {
    segment.flags |= kFin;
    remote.fin_sent = true;
  }
  if (start + size < 4U << 20U) remote.sent = std::max(remote.sent, start + size);
  peer.deliver(remote, std::move(segment));
}

void send_any(Peer& peer, Remote& remote, Record record) {
  auto segment = remote.segment(record.byte & 0x3FU);
  segment.seq += record.x % 64 == 0 ? record.x : record.x % 5 - 2U;
  if ((segment.flags & kSyn) != 0 && !remote.open()) segment.seq = remote.isn;  // its old number
  segment.ack = remote.stack_isn + 1 + acknowledged(remote, record.byte >> 6U, record.y);
  segment.window = record.y;
  const std::array<Bytes, 4> options{mss_option(record.x), Bytes{3, 3, 14}, Bytes{4, 2}, Bytes{}};
  segment.options = options[record.x % 4U];
  if ((segment.flags & kFin) != 0) remote.fin_sent = true;
  if ((segment.flags & kRst) != 0) remote.fin_sent = true;
  peer.deliver(remote, std::move(segment));
}

void holes(Peer& peer, Remote& remote, Record record) {
  const std::uint32_t step = 1 + record.x % 1500;
  std::uint32_t start = remote.sent + 1;
  for (int i = 0; i < record.byte; ++i, start += step) {
    auto segment = remote.segment(kAck);
    segment.seq = remote.isn + 1 + start;
    for (std::uint32_t k = 0; k < 1U + record.y % 1400; ++k) {
      segment.data.push_back(byte_at(start + k, true));
    }
    remote.sent = std::max<std::uint32_t>(remote.sent, start + 1 + record.y % 1400);
    peer.deliver(remote, std::move(segment));
  }
}

void application(Remote& remote, Record record) {
  if (!remote.stream) return;
  switch (record.byte % 8U) {
    case 0:
      remote.stream->finish();
      remote.finished = true;
      break;
    case 1:
      remote.stream->close();
      remote.closed = remote.finished = true;
      break;
    case 2:
      remote.stream.reset();
      remote.closed = remote.finished = true;
      break;
    case 3:
      remote.stream->resume();
      break;
    default:
      remote.stream->pause();
  }
}

void play(Peer& peer, Record record) {
  auto& remote = peer.remote(record.what >> 4U);
  if (remote.port == 0 && (record.what & 15U) != 0) return;  // the connection is not open
  auto ack = remote.segment(kAck);
  ack.window = record.y;
  switch (record.what & 15U) {
    case 0:
      return open(peer, record);
    case 1:
    case 2:
      return send_data(peer, remote, record);
    case 3:
    case 4:
      return acknowledge(peer, remote, ack, acknowledged(remote, record.byte, record.x));
    case 5:
      ack.options = sack_option(remote, record);
      return acknowledge(peer, remote, ack, remote.next);
    case 6:
    case 7:
      return peer.write(remote, record.x);
    case 8:
      return application(remote, record);
    case 9:
      return peer.tick(1 + record.byte % 40);
    case 10:
      return peer.tick((record.x % 1200U) + 1);
    case 11:
      return send_any(peer, remote, record);
    case 12:
      return holes(peer, remote, record);
    case 13:
      peer.batching = !peer.batching;
      return peer.flush();
    case 14:
      if (record.byte < 16) peer.stack().end_peer(peer.there);
      return peer.stack().input({});
    default:
      for (int i = 0; i < record.byte; ++i) peer.deliver(remote, ack);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Peer peer;
  Reader reader({data, size});
  for (std::size_t i = 0; i < kMaxRecords && reader.rest().size() >= 6; ++i) {
    Record record{};
    record.what = reader.be<std::uint8_t>();
    record.byte = reader.be<std::uint8_t>();
    record.x = reader.be<std::uint16_t>();
    record.y = reader.be<std::uint16_t>();
    play(peer, record);
  }
  peer.finish_honestly();
  if (peer.stack().counters().unsound != 0) std::abort();
  return 0;
}

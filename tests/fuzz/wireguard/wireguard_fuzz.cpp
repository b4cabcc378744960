// A stranger's datagrams to a Device that has a peer with a session. The first byte chooses the use
// of the rest:
//   0 a datagram
//   1 a datagram with a correct mac1 (which anybody can compute)
//   2 a datagram for the session's index
//   3 an inner packet to send
#include <cstdlib>

#include "proto/wireguard/device.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;

namespace {

const Now kNow{Instant{1'000'000'000}, WallTime{1'700'000'000}};

struct Pair {
  Pair() {
    for (auto* config : {&to_b_, &to_a_}) {
      config->allowed_ips = {Prefix{}, *parse_prefix("0.0.0.0/0")};
      config->endpoint = Endpoint{IpAddress::v4(192, 0, 2, 1), 1};
    }
    to_b_.public_key = b_.public_key();
    to_a_.public_key = a_.public_key();
    if (!a_.add_peer(kNow, std::move(to_b_)) || !b_.add_peer(kNow, std::move(to_a_))) std::abort();
    const Bytes packet = {0x60, 0, 0, 0, 0,    0, 59, 64, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                          0,    0, 0, 0, 0xFD, 0, 0,  0,  0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const std::array<ByteView, 1> packets = {packet};
    Output out;
    a_.send(kNow, packets, out);
    pass(out, b_);
    pass(out, a_);
    index_ = decode_transport(out.datagrams.at(0).datagram.bytes).receiver;
    pass(out, b_);
    if (b_.counters().packets_opened != 1) std::abort();
  }

  static void pass(Output& out, Device& to) {
    Bytes datagram = to_bytes(out.datagrams.at(0).datagram.bytes);
    out.clear();
    std::array<Datagram, 1> incoming = {{{{}, datagram}}};
    to.receive(kNow, incoming, out);
  }

  SeededRng rng_{1};
  Device a_{Identity::generate(rng_), rng_};
  Device b_{Identity::generate(rng_), rng_};
  PeerConfig to_b_;
  PeerConfig to_a_;
  SessionIndex index_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The clock does not advance: a device answers one burst of handshakes and is then under load.
  static std::unique_ptr<Pair> kept;
  static int uses = 0;
  if (uses++ % 200 == 0) kept = std::make_unique<Pair>();
  Pair& pair = *kept;
  if (size == 0) return 0;
  Bytes input(data + 1, data + size);
  Output out;
  const auto opened = pair.b_.counters().packets_opened;
  if (data[0] == 3) {
    const std::array<ByteView, 1> packets = {input};
    pair.b_.send(kNow, packets, out);
    return 0;
  }
  if (data[0] == 1 && input.size() >= kMacsSize) {
    CookieJar(pair.b_.public_key()).add_macs(kNow.steady, input);
  }
  if (data[0] == 2 && input.size() >= kTransportOverhead) {
    encode(TransportHeader{pair.index_, load_le<std::uint64_t>(input.data() + 8)},
           MutableByteView(input).first(kTransportHeaderSize));
  }
  std::array<Datagram, 1> incoming = {{{UdpWay{{IpAddress::v4(203, 0, 113, 1), 9}, {}}, input}}};
  pair.b_.receive(kNow, incoming, out);
  if (!out.packets.empty() || pair.b_.counters().packets_opened != opened) std::abort();
  return 0;
}

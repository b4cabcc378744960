// disco messages. The input is used twice: as the content of a box that opens, and as a whole
// datagram to a prober that knows the sender.
#include "proto/path/disco.hpp"

#include <algorithm>
#include <cstdlib>

#include "proto/path/prober.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::path;

namespace {

void as_plain(ByteView input) {
  const auto message = decode_disco(input);
  if (!message) return;
  const auto again = decode_disco(encode_disco(*message));
  if (!again || *again != *message) std::abort();
}

// Seals the input, so that the input reaches the state behind the box.
void as_genuine(ByteView input) {
  SeededRng rng(1);
  const auto theirs = crypto::KeyPair<crypto::DiscoKey>::generate(rng);
  auto ours = crypto::KeyPair<crypto::DiscoKey>::generate(rng);
  const auto box = crypto::BoxKey::between(theirs.secret, ours.public_key.view());
  PeerInfo peer{{}, theirs.public_key, {}, RelayIndex(1)};
  Prober prober({}, std::move(ours), {}, rng);
  if (!prober.add_peer({}, peer)) std::abort();
  const auto nonce = rng.array<crypto::kBoxNonceSize>();
  Bytes datagram;
  Writer(datagram).bytes(kDiscoMagic).bytes(theirs.public_key.view()).bytes(nonce);
  append(datagram, box->seal(nonce, input));
  Bytes bare = to_bytes(input);
  const UdpWay from{{IpAddress::v4(192, 0, 2, 1), 4000}, {}};
  const RelayWay relay{{}, RelayIndex(1)};
  (void)prober.route({}, peer.node);
  prober.handle_datagram({}, {from, datagram});
  prober.handle_datagram({}, {relay, datagram});
  prober.handle_datagram({}, {relay, bare});
  prober.handle_datagram({}, {from, bare});
  ProberOutput output;
  prober.drain(output);
  const auto direct =
      std::count_if(output.datagrams.begin(), output.datagrams.end(),
                    [](const auto& each) { return endpoint_of(each.way) != nullptr; });
  if (direct > 2 * std::ptrdiff_t{kMaxCandidates}) std::abort();  // the amplification is bounded
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (size > kMaxDiscoMessage) return 0;  // open_disco() refuses such messages
  as_plain(input);
  as_genuine(input);
  return 0;
}

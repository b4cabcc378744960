// Bytes from a stranger for each DERP reader. The first byte chooses the reader:
//   0 client before the login   1 client after the login
//   2 relay before the login    3 relay after the login
//   4 the JSON of a ClientInfo  5 the JSON of a ServerInfo   (sealed here, as nobody forges boxes)
// The second byte chooses the cuts between reads.
#include <algorithm>
#include <cstdlib>

#include "proto/crypto/box.hpp"
#include "proto/derp/client.hpp"
#include "relay/core/core.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;

namespace {

const Now kNow{{1'000'000'000}, {1'800'000'000}};

void require(bool condition) {
  if (!condition) std::abort();
}

// A client on a relay that admits everybody, logged in on request.
struct Link {
  SeededRng rng{1};
  derp::RelayKeyPair key = derp::RelayKeyPair::generate(rng);
  relay::Core core{{.key = derp::RelayKeyPair::generate(rng)},
                   [this](ByteView, Now) -> Result<derp::TicketFacts> {
                     return derp::TicketFacts{key.public_key, {key.public_key}, {2'000'000'000}, 0};
                   },
                   rng};
  derp::Client client{{core.public_key(), key.clone(), [] { return "t"; }}, rng, kNow};
  derp::ClientOutput out;

  void log_in() {
    core.handle_open(kNow, 1);
    for (int i = 0; i < 2; ++i) {
      Bytes bytes;
      core.pull(kNow, 1, 1U << 20U, bytes);
      client.handle_bytes(kNow, bytes, out);
      core.handle_bytes(kNow, 1, out.wire);
      out.clear();
    }
    require(client.ready() && core.client_count() == 1);
  }
};

template <class Read>
void in_pieces(ByteView bytes, std::size_t step, Read read) {
  while (!bytes.empty()) {
    const auto size = std::min(bytes.size(), step);
    read(bytes.first(size));
    bytes = bytes.subspan(size);
  }
}

void to_client(ByteView bytes, std::size_t step, bool logged_in) {
  Link link;
  if (logged_in) link.log_in();
  in_pieces(bytes, step, [&](ByteView piece) { link.client.handle_bytes(kNow, piece, link.out); });
  for (const auto& event : link.out.events) {
    if (const auto* received = std::get_if<derp::Received>(&event)) {
      require(link.out.packet(*received).size() <= derp::kMaxPacketSize);
    }
  }
}

void to_relay(ByteView bytes, std::size_t step, bool logged_in) {
  Link link;
  if (logged_in) {
    link.log_in();
  } else {
    link.core.handle_open(kNow, 1);
  }
  in_pieces(bytes, step, [&](ByteView piece) { link.core.handle_bytes(kNow, 1, piece); });
  Bytes out;
  link.core.pull(kNow, 1, 1U << 24U, out);
  relay::Effects effects;
  link.core.drain(effects);
  require(effects.closes.size() <= 1 && link.core.client_count() <= 1);
  require(logged_in || link.core.client_count() == 0);
}

void json(ByteView plain, bool client_info) {
  SeededRng rng(1);
  const auto client = derp::RelayKeyPair::generate(rng);
  const auto relay = derp::RelayKeyPair::generate(rng);
  const Bytes nonce(24, 1);
  Bytes payload = client_info ? to_bytes(client.public_key.view()) : Bytes{};
  append(payload, nonce);
  append(payload,
         crypto::BoxKey::between(client.secret, relay.public_key.view())->seal(nonce, plain));
  if (client_info) {
    if (const auto opened = derp::open_client_info(payload, relay)) {
      const auto again = derp::open_client_info(
          derp::seal_client_info(opened->info, client, relay.public_key, rng), relay);
      require(again && again->info == opened->info);
    }
  } else if (const auto opened = derp::open_server_info(payload, relay, client.public_key)) {
    const auto again = derp::open_server_info(
        derp::seal_server_info(*opened, client, relay.public_key, rng), relay, client.public_key);
    require(again && *again == *opened);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteView bytes(data + 2, size - 2);
  const std::size_t step = data[1] == 0 ? 1'000'000 : data[1];
  if (data[0] % 6 < 2) to_client(bytes, step, data[0] % 6 == 1);
  if (data[0] % 6 == 2 || data[0] % 6 == 3) to_relay(bytes, step, data[0] % 6 == 3);
  if (data[0] % 6 > 3) json(bytes, data[0] % 6 == 4);
  return 0;
}

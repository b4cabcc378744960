// Records to a responder, before and inside the channel, and to a client. The input is a list of
// records: one byte of direction and kind, two bytes of length, the record's bytes.
#include <cstdint>

#include "proto/control/client.hpp"
#include "tests/support/seeded_rng.hpp"

namespace {

using namespace culvert;
using namespace culvert::control;

struct Ends {
  SeededRng rng{1};
  noise::KeyPair server_key = noise::KeyPair::generate(rng);
  Channel server = Channel::responder(server_key.clone(), rng);
  Client client{{noise::KeyPair::generate(rng), server_key.public_key, {}}, rng};
  Instant now{1};

  Bytes drain() {  // the client's last record
    Bytes last;
    while (auto output = client.poll_output()) {
      if (auto* send = std::get_if<SendRecord>(&*output)) last = std::move(send->record);
    }
    while (client.poll_event()) {
    }
    return last;
  }
  void handshake() {
    client.start(now);
    client.handle_opened(now);
    const auto answer = server.receive(drain());
    if (answer && answer->answer) client.handle_message(now, *answer->answer);
    drain();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Ends ends;
  Reader reader(ByteView(data, size));
  const bool raw = reader.be<std::uint8_t>() % 2 == 0;  // whether the handshake is left out
  if (!raw) ends.handshake();
  while (!reader.rest().empty()) {
    const auto kind = reader.be<std::uint8_t>() % 3;
    const auto length = std::min<std::size_t>(reader.be<std::uint16_t>(), reader.rest().size());
    const auto bytes = reader.take(length);
    if (!reader.ok()) break;
    if (kind == 0) {
      (void)ends.server.receive(bytes);  // garbage from a stranger
    } else if (kind == 1) {
      // A message that the coordinator seals correctly: reaches the client's parser and state.
      if (auto records = ends.server.seal(text(bytes))) {
        for (const auto& record : *records) ends.client.handle_message(ends.now, record);
      }
    } else {
      ends.now += std::chrono::seconds(length % 64);
      ends.client.handle_timeout(ends.now);
    }
    ends.drain();
  }
  return 0;
}

// TCP segments with any header, one after the other, as a granted peer may send them. The input is
// a list of segments, each preceded by its length in one byte.
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "agent/stack/netstack.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;

namespace {

IpAddress address(std::uint8_t last) {
  IpAddress out;
  out.bytes[0] = 0xFD;
  out.bytes[15] = last;
  return out;
}

struct World {
  World() {
    const auto accepted = [this](std::unique_ptr<runtime::ByteStream> accepted_stream, Endpoint) {
      stream = std::move(accepted_stream);
      runtime::StreamEvents events;
      events.data = [this](ByteView bytes) { stream->write(bytes); };
      stream->start(std::move(events));
    };
    if (!stack.add_address(address(1)) || !stack.listen({address(1), 443}, accepted)) std::abort();
  }

  runtime::Loop loop;
  SeededRng rng{1};
  std::unique_ptr<runtime::ByteStream> stream;
  stack::Netstack stack{loop, rng, {}, [](std::span<const RoomyPacket>) {}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  Reader reader({data, size});
  while (!reader.rest().empty()) {
    const std::size_t length = reader.be<std::uint8_t>();
    const auto segment = reader.take(std::min(length, reader.rest().size()));
    Bytes packet(40);
    packet[0] = 0x60;
    packet[6] = 6;
    packet[7] = 64;
    store_be(packet.data() + 4, static_cast<std::uint16_t>(segment.size()));
    std::memcpy(packet.data() + 8, address(2).bytes.data(), 16);
    std::memcpy(packet.data() + 24, address(1).bytes.data(), 16);
    append(packet, segment);
    const ByteView one(packet);
    world.stack.input({&one, 1});
    world.loop.run_until([] { return true; }, 0s);
  }
  return 0;
}

// Any bytes are refused, or are a message that is the same after writing and reading.
#include <cstdint>
#include <cstdlib>

#include "proto/control/coordinator_pub.hpp"
#include "proto/control/message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = culvert::text(culvert::ByteView(data, size));
  if (const auto message = culvert::control::decode(input)) {
    const auto again = culvert::control::decode(culvert::control::encode(*message));
    if (!again || *again != *message) std::abort();
  }
  if (const auto pub = culvert::control::CoordinatorPub::parse(input)) {
    if (pub->render() != input) std::abort();
  }
  return 0;
}

// Bytes of local programs, which may be faulty, for the control socket: read in two pieces,
// applied, and rendered again.
#include <cstdlib>

#include "proto/core/overloaded.hpp"
#include "proto/wireguard/uapi.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;

namespace {

Now now() { return {Instant{1'000'000'000}, WallTime{1'700'000'000}}; }

void handle(Device& device, uapi::Request request) {
  std::visit(overloaded{
                 [&](uapi::SetRequest& set) { uapi::apply_peers(now(), device, set); },
                 [&](uapi::GetRequest&) {
                   const auto said = uapi::render_get(device, {});
                   if (!text(said).ends_with("errno=0\n\n")) std::abort();
                 },
                 [](uapi::Refused& refused) {
                   if (refused.error == uapi::Errno::kNone) std::abort();
                 },
                 [](uapi::HangUp&) {},  // has no connection to close here
             },
             request);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static SeededRng rng(1);
  Device device(Identity::generate(rng), rng);
  uapi::RequestReader reader;
  const ByteView all{data + 1, size - 1};
  const auto cut = all.size() * data[0] / 255;
  for (ByteView piece : {all.first(cut), all.subspan(cut)}) {
    while (!piece.empty()) {
      const auto before = piece.size();
      auto request = reader.read(piece);
      if (piece.size() >= before) std::abort();  // no progress
      if (!request && !piece.empty()) std::abort();
      if (request) handle(device, std::move(*request));
    }
  }
  handle(device, uapi::GetRequest{});
  return 0;
}

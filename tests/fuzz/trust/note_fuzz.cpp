// Signed notes: a note that parses renders to the same bytes, alone and in a bundle, and can be
// verified.
#include <cstdlib>

#include "proto/note/note.hpp"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = text(ByteView(data, size));
  if (const auto note = note::parse(input)) {
    if (note::render(*note) != input) std::abort();
    const note::KnownKey known{"someone", {}};
    if (const auto signers = note::verify(*note, std::span(&known, 1))) {
      if (!signers->empty()) std::abort();  // the zero key cannot sign
    }
    if (const auto merged = note::merge(*note, *note); merged && merged->text != note->text) {
      std::abort();
    }
  }
  if (const auto notes = note::parse_bundle(input)) {
    if (note::render_bundle(*notes) != input) std::abort();
  }
  return 0;
}

// Token files: a token that parses renders to the same bytes.
#include <cstdlib>

#include "proto/trust/statements/token.hpp"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = text(ByteView(data, size));
  if (const auto token = trust::Token::parse(input)) {
    if (token->render() != input) std::abort();
  }
  return 0;
}

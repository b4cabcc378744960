// Configuration files of the relay and the coordinator: no crash; each refusal is one line that
// says where the error is.
#include <cstdlib>

#include "coordinator/shell/settings.hpp"
#include "relay/shell/settings.hpp"

namespace {

template <class Settings>
void check(const culvert::Result<Settings>& settings) {
  if (settings) return;
  const auto& why = settings.error().message;
  if (why.empty() || why.find('\n') != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = culvert::text(culvert::ByteView{data, size});
  check(culvert::coordinator::parse_settings(text, "file"));
  check(culvert::relay::parse_settings(text, "file"));
  return 0;
}

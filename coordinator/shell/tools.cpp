#include "coordinator/shell/tools.hpp"

#include <cstdio>

#include "coordinator/shell/settings.hpp"

namespace culvert::coordinator {

std::string state_path(const CommonOptions& common, const std::string& configured) {
  if (!common.state.empty()) return common.state;
  return configured.empty() ? default_state_folder() : configured;
}

Result<StateFolder> state_folder(const CommonOptions& common) {
  if (!common.state.empty() && common.config.empty()) return StateFolder(common.state);
  const auto settings = read_settings(common.config);
  if (!settings) return fail_with(settings.error());
  return StateFolder(state_path(common, settings->state));
}

int finish(const Status& status) {
  if (status) return 0;
  std::fprintf(stderr, "culvert-coordinator: %s\n", status.error().message.c_str());
  // Malformed input counts as wrong usage.
  return status.error().code == ErrorCode::kInvalid ? 2 : 1;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      const auto byte = static_cast<std::uint8_t>(c);
      out += "\\u00" + to_hex({&byte, 1});
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace culvert::coordinator

#include "agent/shell/core_options.hpp"

#include <unistd.h>

#include <cctype>
#include <cstdlib>

#include "proto/crypto/x509.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::agent {
namespace {

constexpr std::size_t kMaxTokenSize = std::size_t{1} << 20U;

// The machine's name as a node's label: its first part, in small letters, digits and dashes.
std::string host_name() {
  char raw[256] = {};
  ::gethostname(raw, sizeof raw - 1);
  std::string name;
  for (const char* c = raw; *c != '\0' && *c != '.'; ++c) {
    const auto byte = static_cast<unsigned char>(*c);
    name += std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '-';
  }
  return name;
}

}  // namespace

Result<std::optional<std::string>> read_token(const DaemonOptions& given) {
  if (!given.token_file) {
    const char* token = std::getenv("CULVERT_TOKEN");
    if (token == nullptr) return std::optional<std::string>();
    std::optional<std::string> found(token);
    ::unsetenv("CULVERT_TOKEN");
    return found;
  }
  auto bytes = *given.token_file == "-" ? runtime::read_standard_input(kMaxTokenSize)
                                        : runtime::read_file(*given.token_file, kMaxTokenSize);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) return std::optional<std::string>();
  if (!bytes) return fail_with(bytes.error());
  std::optional<std::string> token(text(*bytes));
  crypto::wipe(*bytes);
  return token;
}

Result<Options> core_options(const DaemonOptions& given, const Config& config,
                             std::optional<std::string> token, Role role) {
  Options options;
  options.token = std::move(token);
  if (!options.token && given.token_file) options.missing_token = *given.token_file;
  options.role = role;
  options.name = given.name.value_or(config.name.empty() ? host_name() : config.name);
  if (given.root_hash) {
    options.pinned_root = trust::parse_hash(*given.root_hash);
    if (!options.pinned_root) {
      return fail(ErrorCode::kInvalid, "--root-hash must look like sha256:<64 hex digits>");
    }
  }
  options.sound_issuer = [](ByteView certificate, const std::string& site) {
    return crypto::check_issuer(crypto::der_to_pem(certificate), site).has_value();
  };
  options.host_stack = config.tun.has_value();
  options.coordinator = config.coordinator;
  options.lease_url = config.lease_url;
  options.allow_loopback = config.allow_loopback;
  options.direct = config.direct;
  for (const auto& [name, upstream] : config.services) options.services.push_back({name});
  return options;
}

}  // namespace culvert::agent

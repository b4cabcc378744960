#include "relay/shell/settings.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "proto/runtime/disk/config.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::relay {
namespace {

using runtime::Config;

std::optional<Endpoint> read_endpoint(Config& from, std::string_view key, std::string fallback) {
  const auto text = from.text(key, std::move(fallback));
  if (text.empty()) return std::nullopt;
  const auto endpoint = parse_endpoint(text.front() == ':' ? "[::]" + text : text);
  if (!endpoint) from.refuse(key, "must be ADDRESS:PORT or :PORT");
  return endpoint;
}

// Reads a name with plain characters only, so that `describe` can print it in JSON unescaped.
std::string read_name(Config& from, std::string_view key, std::string fallback) {
  auto name = from.text(key, std::move(fallback));
  const auto plain =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_");
  if (plain != std::string::npos || name.size() > 253) {
    from.refuse(key, "must be made of letters, digits and .:-_");
  }
  return name;
}

void read_tickets(Config& from, Settings& into) {
  for (const auto& text : from.texts("ticket_keys")) {
    const auto key = crypto::parse_ed25519(text);
    if (!key) return from.refuse("ticket_keys", "must hold keys as ed25519:<64 hex digits>");
    into.ticket_keys.push_back(*key);
  }
  if (const auto vendor = from.text("vendor", ""); !vendor.empty()) {
    into.vendor = trust::parse_hash(vendor);
    if (!into.vendor) from.refuse("vendor", "must be the genesis hash, sha256:<64 hex digits>");
  }
}

}  // namespace

std::string default_state() {
  if (::geteuid() == 0) return "/var/lib/culvert/relay";
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::string(state) + "/culvert/relay";
  }
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/state/culvert/relay";
}

namespace {

Result<Settings> read(Config file) {
  Settings settings;
  settings.id = file.text("id", settings.id);
  if (!trust::Label::parse(settings.id)) file.refuse("id", "must be a label: a-z, 0-9, hyphens");
  settings.host = read_name(file, "host", "");
  settings.listen = read_endpoint(file, "listen", ":7444").value_or(Endpoint{});
  settings.stun = read_endpoint(file, "stun", ":3478");
  settings.metrics = read_endpoint(file, "metrics", "");
  settings.state = file.text("state", default_state());
  file.section("tls", [&](Config& tls) {
    settings.tls_certificate = tls.required_text("cert");
    settings.tls_key = tls.required_text("key");
  });
  settings.plain = file.flag("plain", false);
  if (settings.plain && !settings.tls_certificate.empty()) {
    file.refuse("plain", "and tls exclude each other");
  }
  read_tickets(file, settings);
  settings.open = file.flag("open", false);
  settings.max_connections =
      static_cast<std::size_t>(file.number("max_connections", 16'384, 1, 1'000'000));
  settings.bytes_per_second =
      static_cast<std::uint64_t>(file.number("bytes_per_second", 0, 0, 1'000'000'000'000));
  settings.drain = std::chrono::seconds(file.number("drain_seconds", 3, 0, 600));
  const auto level = runtime::log::parse_level(file.text("log", "info"));
  if (level) settings.log_level = *level;
  if (!level) file.refuse("log", "must be trace, debug, info, warn, error or off");
  if (auto done = file.finish(); !done) return fail_with(done.error());
  return settings;
}

}  // namespace

Result<Settings> parse_settings(std::string_view json, std::string name) {
  auto file = Config::parse(json, std::move(name));
  if (!file) return fail_with(file.error());
  return read(*std::move(file));
}

Result<Settings> load_settings(const std::string& path) {
  std::error_code ignored;
  const bool none = path.empty() && !std::filesystem::exists(kDefaultConfig, ignored);
  auto file = none ? Result<Config>(Config::empty("no configuration file"))
                   : Config::load(path.empty() ? std::string(kDefaultConfig) : path);
  if (!file) return fail_with(file.error());
  return read(*std::move(file));
}

}  // namespace culvert::relay

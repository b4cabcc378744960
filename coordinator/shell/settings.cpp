#include "coordinator/shell/settings.hpp"

#include <unistd.h>

#include <set>

#include "proto/runtime/disk/config.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::coordinator {
namespace {

using runtime::Config;

control::RelayInfo read_relay(Config& config) {
  control::RelayInfo relay;
  relay.id = config.required_text("id");
  relay.host = config.required_text("host");
  relay.port = static_cast<std::uint16_t>(config.number("port", 7444, 1, 65535));
  relay.stun_port = static_cast<std::uint16_t>(config.number("stun_port", 3478, 0, 65535));
  const auto key = config.required_text("key");
  if (const auto parsed = crypto::parse_x25519(key)) {
    relay.key.bytes = *parsed;
  } else if (!key.empty()) {
    config.refuse("key", "must be x25519:<64 hex>, as culvert-relay prints it");
  }
  const auto certificate = config.text("certificate", "");  // empty: a public authority's
  if (const auto parsed = trust::parse_hash(certificate)) {
    relay.certificate = *parsed;
  } else if (!certificate.empty()) {
    config.refuse("certificate", "must be sha256:<64 hex>, as culvert-relay prints it");
  }
  if (!trust::Label::parse(relay.id)) config.refuse("id", "must be a label: a-z, 0-9, hyphens");
  return relay;
}

Endpoint read_endpoint(Config& config, std::string_view key, std::string_view fallback) {
  const auto value = config.text(key, std::string(fallback));
  if (const auto endpoint = parse_listen(value)) return *endpoint;
  config.refuse(key, "must be ADDRESS:PORT or :PORT");
  return {};
}

Result<Settings> read(Config config) {
  Settings settings;
  settings.listen = read_endpoint(config, "listen", ":7443");
  settings.state = config.text("state", "");
  settings.plain = config.flag("plain", false);
  config.section("tls", [&](Config& tls) {
    settings.tls_certificate = tls.required_text("cert");
    settings.tls_key = tls.required_text("key");
  });
  std::set<std::string> ids;
  config.list("relays", [&](Config& entry) {
    settings.relays.push_back(read_relay(entry));
    if (!ids.insert(settings.relays.back().id).second) entry.refuse("id", "stands twice");
  });
  if (settings.relays.size() > control::kMaxRelays) config.refuse("relays", "at most 16");
  for (const auto& proxy : config.texts("trusted_proxies")) {
    const auto address = parse_address(proxy);
    if (address) {
      settings.trusted_proxies.push_back(*address);
    } else {
      config.refuse("trusted_proxies", "must be addresses, such as \"10.0.0.5\"");
    }
  }
  if (config.has("metrics")) {
    settings.metrics = read_endpoint(config, "metrics", "127.0.0.1:0");
    if (!settings.metrics->address.is_loopback()) {
      config.refuse("metrics", "must be a loopback address: it has no access control");
    }
  }
  if (settings.plain && !settings.tls_certificate.empty()) {
    config.refuse("plain", "and tls exclude each other");
  }
  if (auto ok = config.finish(); !ok) return fail_with(ok.error());
  return settings;
}

}  // namespace

std::optional<Endpoint> parse_listen(std::string_view text) {
  if (text.starts_with(':')) return parse_endpoint("[::]" + std::string(text));
  return parse_endpoint(text);
}

Result<Settings> parse_settings(std::string_view json, std::string name) {
  auto config = Config::parse(json, std::move(name));
  if (!config) return fail_with(config.error());
  return read(*std::move(config));
}

Result<Settings> read_settings(const std::string& path) {
  if (path.empty() && ::access(std::string(kDefaultConfig).c_str(), F_OK) != 0) {
    return read(Config::empty(std::string(kDefaultConfig)));
  }
  auto config = Config::load(path.empty() ? std::string(kDefaultConfig) : path);
  if (!config) return fail_with(config.error());
  return read(*std::move(config));
}

}  // namespace culvert::coordinator

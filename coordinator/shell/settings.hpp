// The coordinator's configuration file (docs/operations/coordinator.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proto/control/answers.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/stream/waiting_room.hpp"

namespace culvert::coordinator {

struct Settings {
  Endpoint listen;
  std::string state;  // empty: the default folder
  bool plain = false;
  std::string tls_certificate;  // PEM files; empty: self-signed
  std::string tls_key;
  std::vector<control::RelayInfo> relays;
  std::optional<Endpoint> metrics;                 // loopback only
  std::size_t strangers = runtime::kMaxStrangers;  // connections before a proof; not in the file
  // HTTP proxies in front of the coordinator. Their X-Forwarded-For is believed.
  std::vector<IpAddress> trusted_proxies;
};

inline constexpr std::string_view kDefaultConfig = "/etc/culvert/coordinator.json";

// `path` empty: kDefaultConfig where it exists, else the defaults.
Result<Settings> read_settings(const std::string& path);
Result<Settings> parse_settings(std::string_view json, std::string name);

// "host:port" with an address, or ":port" for every address.
std::optional<Endpoint> parse_listen(std::string_view text);

}  // namespace culvert::coordinator

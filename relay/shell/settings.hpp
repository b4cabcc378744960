// The settings in /etc/culvert/relay.json. Every key has a default: without a file the relay starts
// and admits no client. docs/operations/relay.md describes the keys.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/stream/waiting_room.hpp"

namespace culvert::relay {

inline constexpr std::string_view kDefaultConfig = "/etc/culvert/relay.json";

struct Settings {
  std::string id = "relay";
  std::string host;  // the name that clients connect to; only `describe` uses it
  Endpoint listen;
  std::optional<Endpoint> stun;
  std::optional<Endpoint> metrics;  // plain HTTP with /metrics
  std::string state;
  bool plain = false;           // HTTP without TLS, behind a proxy that ends TLS
  std::string tls_certificate;  // path of a PEM file; empty: self-signed, kept in `state`
  std::string tls_key;          // path of a PEM file
  std::vector<crypto::VerifyKey> ticket_keys;
  std::optional<crypto::Hash> vendor;  // if set, tickets must be of this vendor
  bool open = false;
  std::size_t max_connections = 16'384;            // connections after their login
  std::size_t strangers = runtime::kMaxStrangers;  // connections before their login; not in a file
  std::uint64_t bytes_per_second = 0;
  Duration drain = 3s;  // from Restarting to the end of the process
  runtime::log::Level log_level = runtime::log::Level::kInfo;
};

// `name`: the file's name, for error messages.
Result<Settings> parse_settings(std::string_view json, std::string name);
// An empty path means kDefaultConfig if it exists, otherwise the defaults.
Result<Settings> load_settings(const std::string& path);

// /var/lib/culvert/relay for root, $XDG_STATE_HOME/culvert/relay (~/.local/state/…) for others.
std::string default_state();

}  // namespace culvert::relay

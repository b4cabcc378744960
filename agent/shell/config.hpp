// The agent's configuration file (docs/operations/agent.md): every key has a default, an unknown
// key is an error.
//
//   {
//     "services": {"api": {"upstream": "10.0.0.7:8080"},
//                  "db": {"upstream": "db.internal:5432",
//                         "upstream_tls": {"ca_file": "/etc/db-ca.pem", "server_name": "db"}},
//                  "web": {"http": {…}}},  HTTP routes instead: docs/operations/http.md
//     "path": {"allow_loopback": false, "direct": true, "port": 0},
//     "stack": "auto",                the mesh's TCP: "kernel" in a separate namespace, "lwip" in
//                                     this process; "auto": kernel where the system allows it
//     "proxy": "127.0.0.1:1080",      laptops; "": no proxy
//     "tun": {"name": "culvert0", "dns": true},    laptops: TUN mode; also culvert up --tun
//     "https_proxy": "http://USER:PASSWORD@HOST:PORT",   HTTP proxy to the coordinator and relays;
//                                     "": none; without the key: the environment's HTTPS_PROXY
//     "offload": "",                  offloads to switch off, e.g. "-gso,-gro"
//                                     (proto/runtime/packet/offload.hpp)
//     "aead": "",                     ipsec-mb, libcrypto or sodium; "": the fastest one
//     "allow_private_relays": false,  relays that the coordinator names may have private addresses
//     "coordinator": "",              URL to use instead of the token's
//     "documents": "",                folder of *.note files (docs/operations/freshness.md); also
//                                     culvert up --documents
//     "lease_url": "",                sites: the customer's lease server, http://HOST:PORT
//     "metrics": "",                  IP:PORT on loopback: Prometheus text at /metrics; "": none
//     "name": "",                     name of the node; "": the host's name
//     "log": "info"
//   }
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/packet/offload.hpp"
#include "proto/runtime/stream/proxy.hpp"

namespace culvert::agent {

struct UpstreamTls {
  std::string ca_file;      // PEM; empty: the system's authorities
  std::string server_name;  // empty: the upstream's host
};
struct RouteConfig {
  std::string host;  // labels before the service's name; "": the service itself
  std::string path;
  std::string upstream;
  std::optional<UpstreamTls> tls;
};
struct HttpConfig {
  std::vector<RouteConfig> routes;
  bool access_log = true;
  std::chrono::seconds response_timeout{60};
};
struct UpstreamConfig {
  std::string upstream;  // host:port; empty when there are routes
  std::optional<UpstreamTls> tls;
  std::optional<HttpConfig> http;
};

inline constexpr const char* kDefaultTunName = "culvert0";

enum class StackChoice { kAuto, kLwip, kKernel };

struct TunConfig {
  std::string name = kDefaultTunName;
  bool dns = true;  // resolve the names of granted services
};

struct Config {
  std::map<std::string, UpstreamConfig> services;  // by label or FQDN
  bool allow_loopback = false;
  bool allow_private_relays = false;
  bool direct = true;
  std::uint16_t udp_port = 0;
  StackChoice stack = StackChoice::kAuto;
  std::optional<TunConfig> tun;
  std::optional<Endpoint> metrics;  // a loopback address
  std::optional<Endpoint> proxy;    // our own proxy's address, for the laptop's programs
  runtime::ProxyRules proxies;      // the HTTP proxy to the coordinator and relays
  runtime::Offloads offloads;
  std::string aead;
  std::string coordinator;
  std::string documents;
  std::string lease_url;
  std::string name;
  std::string log_level;
};

Result<Config> load_config(const std::string& path);  // empty path: the defaults

}  // namespace culvert::agent

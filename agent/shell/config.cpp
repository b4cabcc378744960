#include "agent/shell/config.hpp"
#include "proto/core/host_port.hpp"

#include "agent/http/routes.hpp"
#include "proto/http/head.hpp"
#include "proto/http/url.hpp"
#include "proto/runtime/disk/config.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/stream/resolve.hpp"
#include "proto/trust/statements/service.hpp"

namespace culvert::agent {
namespace {

constexpr std::string_view kDefaultProxy = "127.0.0.1:1080";
constexpr std::chrono::seconds kMaxResponseTimeout = 1h;
constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ without its zero

std::string read_upstream(runtime::Config& from) {
  std::string upstream = from.required_text("upstream");
  if (!upstream.empty() && !parse_host_port(upstream)) {
    from.refuse("upstream", "must be host:port");
  }
  return upstream;
}

std::optional<UpstreamTls> read_upstream_tls(runtime::Config& from) {
  std::optional<UpstreamTls> out;
  from.section("upstream_tls", [&](runtime::Config& tls) {
    out = UpstreamTls{tls.text("ca_file", ""), tls.text("server_name", "")};
  });
  return out;
}

HttpConfig read_http(runtime::Config& from) {
  HttpConfig http;
  http::Routes tried;  // so that a bad route is found here, with its key
  from.list("routes", [&](runtime::Config& route) {
    RouteConfig out{route.text("host", ""), route.required_text("path"), read_upstream(route),
                    read_upstream_tls(route)};
    if (auto ok = tried.add(out.host, out.path, 0); !ok) {
      route.refuse(out.host.empty() ? "path" : "host and path", ok.error().message);
    }
    http.routes.push_back(std::move(out));
  });
  if (http.routes.empty()) from.refuse("routes", "must have at least one route");
  http.access_log = from.flag("access_log", true);
  const auto timeout = parse_duration(from.text("response_timeout", "60s"));
  if (!timeout || *timeout < 1s || *timeout > kMaxResponseTimeout) {
    from.refuse("response_timeout", "must be a time such as 60s or 5m, at most 1h");
  } else {
    http.response_timeout = *timeout;
  }
  return http;
}

UpstreamConfig read_service(runtime::Config& from) {
  UpstreamConfig service;
  from.section("http", [&](runtime::Config& http) { service.http = read_http(http); });
  if (!service.http) {
    service.upstream = read_upstream(from);
    service.tls = read_upstream_tls(from);
  } else if (from.has("upstream") || from.has("upstream_tls")) {
    from.refuse("upstream", "does not go together with \"http\": each route has its own");
  }
  return service;
}

}  // namespace

Result<Config> load_config(const std::string& path) {
  auto file = path.empty()
                  ? Result<runtime::Config>(runtime::Config::empty("no configuration file"))
                  : runtime::Config::load(path);
  if (!file) return fail_with(file.error());
  Config config;
  file->named("services", [&](const std::string& name, runtime::Config& service) {
    config.services.emplace(name, read_service(service));
  });
  if (config.services.size() > trust::kMaxServices) {
    file->refuse("services", "one agent publishes at most " + std::to_string(trust::kMaxServices) +
                                 ": give the others another tag and another agent");
  }
  file->section("path", [&](runtime::Config& from) {
    config.allow_loopback = from.flag("allow_loopback", false);
    config.direct = from.flag("direct", true);
    config.udp_port = static_cast<std::uint16_t>(from.number("port", 0, 0, 65535));
  });
  config.allow_private_relays = file->flag("allow_private_relays", false);
  const std::string stack = file->text("stack", "auto");
  if (stack == "lwip") config.stack = StackChoice::kLwip;
  if (stack == "kernel") config.stack = StackChoice::kKernel;
  if (stack != "auto" && config.stack == StackChoice::kAuto) {
    file->refuse("stack", "must be auto, kernel or lwip");
  }
  const std::string proxy = file->text("proxy", std::string(kDefaultProxy));
  config.proxy = parse_endpoint(proxy);
  if (!proxy.empty() && (!config.proxy || !config.proxy->address.is_loopback())) {
    file->refuse("proxy", "must be a loopback address and port, or empty for none");
  }
  const std::string metrics = file->text("metrics", "");
  config.metrics = parse_endpoint(metrics);
  if (!metrics.empty() && (!config.metrics || !config.metrics->address.is_loopback())) {
    file->refuse("metrics", "must be a loopback address and port, or empty for none");
  }
  auto proxies = runtime::ProxyRules::from_environment();
  if (file->has("https_proxy")) {
    proxies = runtime::ProxyRules::from_setting(file->text("https_proxy", ""), "https_proxy");
  }
  file->section("tun", [&](runtime::Config& from) {
    config.tun = TunConfig{from.text("name", kDefaultTunName), from.flag("dns", true)};
    if (config.tun->name.empty() || config.tun->name.size() > kMaxInterfaceName ||
        config.tun->name.find_first_of("/% \t") != std::string::npos) {
      from.refuse("name", "must be an interface's name, 1 to 15 characters");
    }
  });
  const auto offloads = runtime::Offloads::parse(file->text("offload", ""));
  if (offloads) {
    config.offloads = *offloads;
  } else {
    file->refuse("offload", offloads.error().message);
  }
  config.aead = file->text("aead", "");
  config.coordinator = file->text("coordinator", "");
  config.documents = file->text("documents", "");
  config.lease_url = file->text("lease_url", "");
  if (!config.lease_url.empty() && !http::parse_url(config.lease_url)) {
    file->refuse("lease_url", "must be a URL such as http://leases.acme.internal:7447");
  }
  config.name = file->text("name", "");
  config.log_level = file->text("log", "info");
  if (!runtime::log::parse_level(config.log_level)) {
    file->refuse("log", "must be trace, debug, info, warn, error or off");
  }
  if (auto ok = file->finish(); !ok) return fail_with(ok.error());
  if (!proxies) return fail_with(proxies.error());
  config.proxies = std::move(*proxies);
  return config;
}

}  // namespace culvert::agent

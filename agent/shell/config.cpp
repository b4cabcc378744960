#include "agent/shell/config.hpp"

#include "proto/runtime/config.hpp"
#include "proto/runtime/log.hpp"
#include "proto/runtime/net.hpp"

namespace culvert::agent {
namespace {

constexpr std::string_view kDefaultProxy = "127.0.0.1:1080";

UpstreamConfig read_service(runtime::Config& from) {
  UpstreamConfig service;
  service.upstream = from.required_text("upstream");
  if (!service.upstream.empty() && !runtime::parse_host_port(service.upstream)) {
    from.refuse("upstream", "must be host:port");
  }
  from.section("upstream_tls", [&](runtime::Config& tls) {
    service.tls = UpstreamTls{tls.text("ca_file", ""), tls.text("server_name", "")};
  });
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
  file->section("path", [&](runtime::Config& from) {
    config.allow_loopback = from.flag("allow_loopback", false);
    config.direct = from.flag("direct", true);
    config.udp_port = static_cast<std::uint16_t>(from.number("port", 0, 0, 65535));
  });
  const std::string proxy = file->text("proxy", std::string(kDefaultProxy));
  config.proxy = parse_endpoint(proxy);
  if (!proxy.empty() && (!config.proxy || !config.proxy->address.is_loopback())) {
    file->refuse("proxy", "must be a loopback address and port, or empty for none");
  }
  auto proxies = runtime::ProxyRules::from_environment();
  if (file->has("https_proxy")) {
    proxies = runtime::ProxyRules::from_setting(file->text("https_proxy", ""), "https_proxy");
  }
  config.coordinator = file->text("coordinator", "");
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

#include "agent/terminator/service.hpp"

#include "agent/terminator/address_rules.hpp"
#include "proto/core/overloaded.hpp"

namespace culvert::terminator {
using namespace runtime;

bool Service::serves(std::string_view name) const {
  if (name == fqdn) return true;
  return std::visit(overloaded{[](const Pipe&) { return false; },
                               [&](const HttpRoutes& http) {
                                 const auto host = http::host_of(name, fqdn);
                                 return host && http.routes->has_host(*host);
                               }},
                    protocol);
}

std::vector<std::string> Service::alpn() const {
  return std::visit(
      overloaded{[](const Pipe&) { return std::vector<std::string>(); },
                 [](const HttpRoutes&) { return std::vector<std::string>{"http/1.1"}; }},
      protocol);
}

std::vector<Upstream> Service::upstreams() const {
  return std::visit(overloaded{[](const Pipe& pipe) { return std::vector{pipe.upstream}; },
                               [](const HttpRoutes& http) { return http.upstreams; }},
                    protocol);
}

Result<Targets> make_targets(const Service& service) {
  Targets out;
  for (const Upstream& upstream : service.upstreams()) {
    Target& target = out.emplace_back(Target{upstream.at, nullptr});
    if (!upstream.tls) continue;
    TlsClientOptions options;
    options.verify = TlsVerify::kAuthorities;
    options.authorities_pem = upstream.tls->authorities_pem;
    options.server_name =
        upstream.tls->server_name.empty() ? upstream.at.host : upstream.tls->server_name;
    auto context = TlsClientContext::make(std::move(options));
    if (!context) return fail(context.error().code, service.fqdn + ": " + context.error().message);
    target.tls = std::move(*context);
  }
  return out;
}

Status check_authorities(const Service& service) {
  if (auto targets = make_targets(service); !targets) return fail_with(targets.error());
  return {};
}

std::unique_ptr<StreamConnect> connect(Loop& loop, const Target& target, StreamConnect::Done done) {
  ConnectOptions options;
  options.allowed = [host = target.at.host](const IpAddress& address) {
    return may_connect(host, address);
  };
  return std::make_unique<StreamConnect>(loop, target.at, target.tls, std::move(options),
                                         std::move(done));
}

}  // namespace culvert::terminator

#include "agent/shell/site_services.hpp"
#include "proto/core/host_port.hpp"

#include "agent/terminator/access_log.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/log.hpp"

namespace culvert::agent {
namespace {

Result<terminator::Upstream> read_upstream(const std::string& at,
                                           const std::optional<UpstreamTls>& tls) {
  auto upstream = parse_host_port(at);
  if (!upstream) return fail_with(upstream.error());
  terminator::Upstream out{std::move(*upstream), std::nullopt};
  if (!tls) return out;
  out.tls = terminator::UpstreamTls{{}, tls->server_name};
  if (tls->ca_file.empty()) return out;
  const auto pem = runtime::read_file(tls->ca_file);
  if (!pem) return fail_with(pem.error());
  out.tls->authorities_pem = std::string(text(*pem));
  return out;
}

Result<terminator::HttpRoutes> read_routes(const HttpConfig& config,
                                           const std::shared_ptr<http::AccessLog>& log) {
  terminator::HttpRoutes out;
  auto routes = std::make_shared<http::Routes>();
  for (const RouteConfig& route : config.routes) {
    auto upstream = read_upstream(route.upstream, route.tls);
    if (!upstream) return fail_with(upstream.error());
    if (auto ok = routes->add(route.host, route.path, out.upstreams.size()); !ok) {
      return fail(ok.error().code, "route " + route.path + " " + ok.error().message);
    }
    out.upstreams.push_back(std::move(*upstream));
  }
  out.routes = std::move(routes);
  if (config.access_log) out.log = log;
  out.response_time = config.response_timeout;
  return out;
}

Result<terminator::Protocol> read_protocol(const UpstreamConfig& config,
                                           const std::shared_ptr<http::AccessLog>& log) {
  if (config.http) {
    auto routes = read_routes(*config.http, log);
    if (!routes) return fail_with(routes.error());
    return terminator::Protocol(std::move(*routes));
  }
  auto upstream = read_upstream(config.upstream, config.tls);
  if (!upstream) return fail_with(upstream.error());
  return terminator::Protocol(terminator::Pipe{std::move(*upstream)});
}

std::string first_label(const std::string& fqdn) { return fqdn.substr(0, fqdn.find('.')); }

}  // namespace

Result<std::unique_ptr<ServerIssuerFile>> ServerIssuerFile::open(const std::string& path,
                                                                 const std::string& site,
                                                                 WallTime now) {
  auto stored = runtime::read_file_if_there(path);
  if (!stored) return fail_with(stored.error());
  if (*stored) {
    const std::string_view pem = text(**stored);
    auto issuer = crypto::ServerIssuer::from_pem(pem, pem);
    const bool usable = issuer && crypto::check_issuer(issuer->certificate_pem(), site) &&
                        issuer->identity().not_after() > now + kRenewBefore;
    crypto::wipe(**stored);
    if (usable) return std::unique_ptr<ServerIssuerFile>(new ServerIssuerFile(std::move(*issuer)));
  }
  auto issuer = crypto::ServerIssuer::make(site, kLifetime, now);
  std::string pem = issuer.certificate_pem() + issuer.identity().key_pem();
  auto written = runtime::write_secret_file(path, view(pem));
  crypto::wipe({reinterpret_cast<std::uint8_t*>(pem.data()), pem.size()});
  if (!written) return fail_with(written.error());
  return std::unique_ptr<ServerIssuerFile>(new ServerIssuerFile(std::move(issuer)));
}

Result<std::unique_ptr<SiteServices>> SiteServices::make(
    runtime::Loop& loop, Shell& shell, const ServerIssuerFile& issuer,
    const std::map<std::string, UpstreamConfig>& services, const std::string& access_log) {
  std::unique_ptr<SiteServices> made(new SiteServices(loop, shell, issuer));
  std::shared_ptr<http::AccessLog> log;
  for (const auto& [name, config] : services) {
    if (config.http && config.http->access_log && !log) {
      auto opened = terminator::AccessLogFile::open(access_log);
      if (!opened) return fail_with(opened.error());
      log = std::move(*opened);
    }
    auto protocol = read_protocol(config, log);
    if (!protocol) {
      return fail(protocol.error().code, "service \"" + name + "\": " + protocol.error().message);
    }
    terminator::Service service{name, terminator::Mode::kTls, std::move(*protocol)};
    // A bad CA file is found at the start and not at the first grant.
    if (auto ok = terminator::check_authorities(service); !ok) {
      return fail(ok.error().code, "service \"" + name + "\": " + ok.error().message);
    }
    made->configured_.emplace(name, std::move(service));
  }
  return made;
}

SiteServices::SiteServices(runtime::Loop& loop, Shell& shell, const ServerIssuerFile& issuer)
    : loop_(loop),
      shell_(shell),
      terminator_(loop, issuer.issuer(), [this](const IpAddress& peer, const std::string& fqdn) {
        return authorize(peer, fqdn);
      }) {}

FlowEvents SiteServices::events() {
  FlowEvents events;
  events.listen = [this](const ListenService& what) { listen(what); };
  events.unlisten = [this](const UnlistenService& what) {
    listening_.erase(what.endpoint);
    shell_.stack().unlisten(what.endpoint);
    terminator_.remove_service(what.fqdn, "no grant in force");
  };
  events.cut = [this](const CutFlows& what) { cut(what); };
  return events;
}

void SiteServices::listen(const ListenService& what) {
  auto config = configured_.find(what.fqdn);
  if (config == configured_.end()) config = configured_.find(first_label(what.fqdn));
  if (config == configured_.end()) return;  // not published by this agent
  terminator::Service service = config->second;
  service.fqdn = what.fqdn;
  service.mode = what.tls ? terminator::Mode::kTls : terminator::Mode::kTcp;
  if (std::holds_alternative<terminator::HttpRoutes>(service.protocol) && !what.tls) {
    return runtime::log::error("service not served: HTTP routes need a service of protocol tls",
                               {{"service", what.fqdn}});
  }
  auto set = terminator_.set_service(std::move(service));
  if (set) {
    set = shell_.stack().listen(
        what.endpoint,
        [this, fqdn = what.fqdn](std::unique_ptr<runtime::ByteStream> stream, Endpoint peer) {
          terminator_.accept(fqdn, std::move(stream), peer);
        });
  }
  if (!set) return runtime::log::error("service not served", {{"why", set.error()}});
  listening_[what.endpoint] = what.fqdn;
}

void SiteServices::cut(const CutFlows& what) {
  const auto fqdn = what.service ? listening_.find(*what.service) : listening_.end();
  terminator_.cut_if(
      [&](const IpAddress& peer, const std::string& name) {
        return peer == what.peer && (fqdn == listening_.end() || name == fqdn->second);
      },
      what.reason);
  shell_.stack().abort_if([&](const Endpoint& local, const Endpoint& remote) {
    return remote.address == what.peer && (!what.service || local == *what.service);
  });
}

// The terminator may not be called from here, so the effects wait for the end of the iteration.
Result<terminator::Admission> SiteServices::authorize(const IpAddress& peer,
                                                      const std::string& fqdn) {
  auto flow = shell_.core().authorize_flow(shell_.now(), peer, fqdn);
  loop_.defer([this] { shell_.pump(); });
  if (!flow) return fail_with(flow.error());
  auto closed = [this, flow = *flow, fqdn](const terminator::FlowEnd& end) {
    shell_.core().flow_closed(shell_.now(), flow, fqdn, end.from_client, end.to_client, end.reason);
    loop_.defer([this] { shell_.pump(); });
  };
  return terminator::Admission{
      std::move(closed), {flow->person, flow->grant, flow->device, flow->audit, flow->member}};
}

void SiteServices::cut_all(const std::string& reason) {
  terminator_.cut_if([](const IpAddress&, const std::string&) { return true; }, reason);
}

}  // namespace culvert::agent

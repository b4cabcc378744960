#include "agent/proxy/browser.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "agent/proxy/request.hpp"
#include "proto/core/ascii.hpp"

namespace culvert::proxy {
namespace {

constexpr std::array<std::string_view, 3> kLoopbackNames = {"127.0.0.1", "localhost", "[::1]"};
constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, port);
  if (digits.empty() || error != std::errc() || at != end) return std::nullopt;
  return port;
}

// Whether `origin`, which is scheme://authority, is the forward's own.
bool is_own_origin(std::string_view origin, const OwnNames& names) {
  for (const auto& [scheme, port] :
       {std::pair{std::string_view("http://"), kHttpPort}, {"https://", kHttpsPort}}) {
    if (origin.starts_with(scheme)) return is_own(origin.substr(scheme.size()), names, port);
  }
  return false;  // "null", browser extensions, other schemes
}

std::optional<Refusal> refuse_page(const http::HttpHeaders& headers, const OwnNames& names) {
  const bool metadata = std::any_of(
      headers.list().begin(), headers.list().end(),
      [](const auto& header) { return to_lower(header.first).starts_with("sec-fetch-"); });
  if (metadata) {
    const auto site = headers.one("Sec-Fetch-Site");
    if (site != "same-origin" && site != "none") {
      return Refusal{403,
                     "a web page of another site may not use this forward (Sec-Fetch-Site): type "
                     "the address into the browser, or use another program"};
    }
  }
  const auto origins = headers.count("Origin");
  if (origins > 0 && (origins > 1 || !is_own_origin(headers.one("Origin"), names))) {
    return Refusal{403,
                   "a web page of another site may not use this forward (Origin): only pages of "
                   "the service itself may"};
  }
  return std::nullopt;
}

std::optional<Refusal> refuse_host(std::string_view host, const http::HttpHeaders& headers,
                                   const OwnNames& names) {
  if (is_own(host, names, 0) || (!names.strict_host && !looks_like_browser(headers))) {
    return std::nullopt;
  }
  const auto port = std::to_string(names.port);
  return Refusal{
      403, "the request is for another host (Host): this forward answers to 127.0.0.1:" + port +
               ", localhost:" + port + ", [::1]:" + port + " and " + names.service};
}

}  // namespace

std::string render(const Refusal& refusal) {
  const auto body = "culvert: " + refusal.text + "\n";
  return "HTTP/1.1 " + std::to_string(refusal.status) + " " + http::reason_of(refusal.status) +
         "\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

bool is_own(std::string_view authority, const OwnNames& names, std::uint16_t without_port) {
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const auto host = to_lower(authority.substr(0, has_port ? colon : authority.size()));
  std::uint16_t port = without_port;
  if (has_port) {
    const auto parsed = parse_port(authority.substr(colon + 1));
    if (!parsed || *parsed == 0) return false;
    port = *parsed;
  }
  if (std::find(kLoopbackNames.begin(), kLoopbackNames.end(), host) != kLoopbackNames.end()) {
    return port == names.port || port == 0;
  }
  return !names.service.empty() && normal_host(host) == names.service;
}

bool looks_like_browser(const http::HttpHeaders& headers) {
  return std::any_of(headers.list().begin(), headers.list().end(), [](const auto& header) {
    const auto name = to_lower(header.first);
    return name == "origin" || name.starts_with("sec-fetch-") || name.starts_with("sec-ch-") ||
           name == "accept-language" || name == "upgrade-insecure-requests" || name == "dnt" ||
           (name == "user-agent" && header.second.starts_with("Mozilla/"));
  });
}

std::optional<Refusal> refuse_cross_site(const http::RequestHead& head, const OwnNames& names) {
  if (auto page = refuse_page(head.headers, names)) return page;
  const auto hosts = head.headers.count("Host");
  if (hosts > 1) return Refusal{400, "the request has more than one Host header"};
  if (hosts == 1) {
    if (auto host = refuse_host(head.headers.one("Host"), head.headers, names)) return host;
  }
  // A target in absolute form names a host as well, which overrides Host (RFC 9112 §3.2.2).
  const auto scheme = head.target.find("://");
  if (head.target.starts_with('/') || scheme == std::string::npos) return std::nullopt;
  const auto authority = std::string_view(head.target).substr(scheme + 3);
  return refuse_host(authority.substr(0, authority.find_first_of("/?#")), head.headers, names);
}

}  // namespace culvert::proxy

#include "agent/proxy/request.hpp"

#include <algorithm>
#include <array>

#include "agent/proxy/browser.hpp"
#include "proto/core/ascii.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/host_port.hpp"
#include "proto/http/url.hpp"
#include "proto/runtime/stream/resolve.hpp"

namespace culvert::proxy {
namespace {

constexpr std::size_t kMaxName = 253;  // characters of a name (RFC 1035 §2.3.4)
constexpr std::size_t kMaxLabel = 63;

enum SocksField : std::uint8_t { kNoAuthentication = 0, kConnect = 1 };
enum AddressKind : std::uint8_t { kIpv4 = 1, kName = 3, kIpv6 = 4 };

bool label_ok(std::string_view label) {
  const auto ok = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), ok);
}

bool starts_with_fold(std::string_view text, std::string_view prefix) {
  return same_word(text.substr(0, prefix.size()), prefix);
}

}  // namespace

std::optional<std::string> normal_host(std::string_view host) {
  if (host.find('\0') != std::string_view::npos) return std::nullopt;
  if (const auto address = parse_address(host)) return format(*address);
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.size() > kMaxName) return std::nullopt;
  const std::string out = to_lower(host);
  for (std::string_view rest = out;;) {
    const auto dot = rest.find('.');
    if (!label_ok(rest.substr(0, dot))) return std::nullopt;
    if (dot == std::string_view::npos) return out;
    rest.remove_prefix(dot + 1);
  }
}

Result<Parsed<bool>, SocksReply> parse_socks_greeting(ByteView bytes) {
  if (bytes.empty()) return Parsed<bool>{};
  if (bytes[0] != kSocksVersion) return fail_with(SocksReply::kFailure);
  if (bytes.size() < 2) return Parsed<bool>{};
  const std::size_t count = bytes[1];
  if (count == 0) return fail_with(SocksReply::kFailure);
  if (bytes.size() < 2 + count) return Parsed<bool>{};
  const auto methods = bytes.subspan(2, count);
  const bool open = std::find(methods.begin(), methods.end(), kNoAuthentication) != methods.end();
  return Parsed<bool>{2 + count, open};
}

Result<Parsed<Target>, SocksReply> parse_socks_request(ByteView bytes) {
  Parsed<Target> out;
  if (!bytes.empty() && bytes[0] != kSocksVersion) return fail_with(SocksReply::kFailure);
  if (bytes.size() >= 2 && bytes[1] != kConnect) return fail_with(SocksReply::kCommand);
  if (bytes.size() >= 3 && bytes[2] != 0) return fail_with(SocksReply::kFailure);
  if (bytes.size() < 5) return out;
  std::size_t at = 4;
  std::size_t length = 0;
  switch (bytes[3]) {
    case kIpv4:
      length = 4;
      break;
    case kIpv6:
      length = 16;
      break;
    case kName:
      length = bytes[at++];
      break;
    default:
      return fail_with(SocksReply::kAddressKind);
  }
  if (bytes.size() < at + length + 2) return out;
  const auto raw = bytes.subspan(at, length);
  const auto host =
      bytes[3] == kName ? normal_host(text(raw)) : std::optional(format(*IpAddress::from(raw)));
  out.value.port = load_be<std::uint16_t>(bytes.data() + at + length);
  if (!host || out.value.port == 0) return fail_with(SocksReply::kUnreachable);
  out.value.host = *host;
  out.size = at + length + 2;
  return out;
}

Result<http::ParsedHead<http::RequestHead>> parse_either_version(ByteView bytes,
                                                                 const http::HeadLimits& limits) {
  const auto line = text(bytes).substr(0, text(bytes).find("\r\n"));
  if (!line.ends_with(" HTTP/1.0")) return http::parse_request_head(bytes, limits);
  Bytes same = to_bytes(bytes);
  same[line.size() - 1] = '1';
  return http::parse_request_head(same, limits);
}

Bytes render_socks_reply(SocksReply reply) {
  return {kSocksVersion, static_cast<std::uint8_t>(reply), 0, kIpv4, 0, 0, 0, 0, 0, 0};
}

Bytes render_socks4_refusal() { return {0, 0x5B, 0, 0, 0, 0, 0, 0}; }

namespace {

Result<ProxyRequest, int> connect_request(const http::RequestHead& head) {
  // Browsers never send these headers with CONNECT.
  for (const auto& [name, value] : head.headers.list()) {
    if (starts_with_fold(name, "sec-fetch-") || head.headers.count("Origin") > 0) {
      return fail_with(403);
    }
  }
  if (head.headers.count("Content-Length") + head.headers.count("Transfer-Encoding") > 0) {
    return fail_with(400);
  }
  const auto parsed = parse_host_port(head.target);
  if (!parsed || parsed->port == 0) return fail_with(400);
  const auto host = normal_host(parsed->host);
  if (!host) return fail_with(400);
  return ProxyRequest{{*host, parsed->port}, true, ""};
}

// Headers that the proxy does not pass on (RFC 9110 §7.6.1).
bool ends_here(const http::HttpHeaders& headers, std::string_view name) {
  constexpr std::array<std::string_view, 8> kHopByHop = {
      "connection", "proxy-connection",    "keep-alive", "te",
      "upgrade",    "proxy-authorization", "trailer",    "host"};
  return std::any_of(kHopByHop.begin(), kHopByHop.end(),
                     [&](std::string_view hop) {
                       return name.size() == hop.size() && starts_with_fold(name, hop);
                     }) ||
         (headers.has_token("Connection", name) && !starts_with_fold(name, "content-length") &&
          !starts_with_fold(name, "transfer-encoding"));
}

}  // namespace

Result<ProxyRequest, int> proxy_request(const http::RequestHead& head, bool http10) {
  if (head.method == "CONNECT") return connect_request(head);
  constexpr std::string_view kScheme = "http://";
  const bool absolute = starts_with_fold(head.target, kScheme);
  const auto url =
      http::parse_url(absolute ? std::string(kScheme) + head.target.substr(kScheme.size()) : "");
  if (!url) {
    // A web page that found the proxy's port sends its requests in origin form.
    const OwnNames nobody;
    return fail_with(refuse_cross_site(head, nobody) ? 403 : absolute ? 400 : 405);
  }
  const auto host = normal_host(url->host);
  if (!host || url->port == 0) return fail_with(400);
  http::RequestHead own{head.method, url->target, {}};
  const auto authority = std::string_view(head.target).substr(kScheme.size());
  own.headers.add("Host", std::string(authority.substr(0, authority.find_first_of("/?"))));
  for (const auto& [name, value] : head.headers.list()) {
    if (!ends_here(head.headers, name)) own.headers.add(name, value);
  }
  if (const auto refusal = refuse_cross_site(own, OwnNames{*host, 0, false, false})) {
    return fail_with(refusal->status);
  }
  own.headers.add("Connection", "close");
  ProxyRequest out{{*host, url->port}, false, http::render(own)};
  if (http10) out.head.replace(out.head.find(" HTTP/1.1\r\n"), 9, " HTTP/1.0");
  return out;
}

}  // namespace culvert::proxy

#include "agent/local/request.hpp"

#include <algorithm>

#include "proto/core/endpoint.hpp"
#include "proto/runtime/net.hpp"

namespace culvert::local {
namespace {

constexpr std::size_t kMaxName = 253;  // RFC 1035 §2.3.4, as text
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
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char p, char t) {
           return p == (t >= 'A' && t <= 'Z' ? static_cast<char>(t + ('a' - 'A')) : t);
         });
}

}  // namespace

std::optional<std::string> normal_host(std::string_view host) {
  if (host.find('\0') != std::string_view::npos) return std::nullopt;
  if (const auto address = parse_address(host)) return format(*address);
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.size() > kMaxName) return std::nullopt;
  std::string out(host);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
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

Bytes render_socks_reply(SocksReply reply) {
  return {kSocksVersion, static_cast<std::uint8_t>(reply), 0, kIpv4, 0, 0, 0, 0, 0, 0};
}

Result<Target, int> connect_target(const runtime::RequestHead& head) {
  for (const auto& [name, value] : head.headers.list()) {
    if (starts_with_fold(name, "sec-fetch-") || head.headers.count("Origin") > 0) {
      return fail_with(403);
    }
  }
  if (head.method != "CONNECT") return fail_with(405);
  if (head.headers.count("Content-Length") + head.headers.count("Transfer-Encoding") > 0) {
    return fail_with(400);
  }
  const auto parsed = runtime::parse_host_port(head.target);
  if (!parsed || parsed->port == 0) return fail_with(400);
  const auto host = normal_host(parsed->host);
  if (!host) return fail_with(400);
  return Target{*host, parsed->port};
}

}  // namespace culvert::local

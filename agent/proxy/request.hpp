// The requests of local clients to the proxy: strict parsers of SOCKS5 (RFC 1928), HTTP CONNECT
// (RFC 9110 §9.3.6) and requests in absolute form (RFC 9112 §3.2.2). Pure. The bytes come from a
// ProxyClient (proxy_client.hpp), and the parsed request goes back to it.
//
//   greeting  05 ‖ n ‖ n methods                          answer  05 ‖ 00 none needed, ff no
//   request   05 ‖ 01 connect ‖ 00 ‖ kind ‖ address ‖ port 2  kind 1: IPv4 4 · 3: length 1 ‖ name ·
//                                                               4: IPv6 16
//   answer    05 ‖ code ‖ 00 ‖ 01 ‖ 0.0.0.0 ‖ 0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/http/head.hpp"

namespace culvert::proxy {

enum class SocksReply : std::uint8_t {  // RFC 1928 §6
  kSucceeded = 0,
  kFailure = 1,      // malformed
  kUnreachable = 4,  // every refusal of a target
  kCommand = 7,      // BIND, UDP ASSOCIATE
  kAddressKind = 8,
};
constexpr std::uint8_t kSocksVersion = 5;

struct Target {
  std::string host;  // normal_host()
  std::uint16_t port = 0;

  friend bool operator==(const Target&, const Target&) = default;
};

// Normalises a host: a name (letters, digits, hyphens, dots; RFC 1123 §2.1) to lower case without
// its trailing dot, an address literal to the spelling of format(). Nothing for other text.
std::optional<std::string> normal_host(std::string_view host);

// `size`: bytes that were read; 0: more bytes are needed.
template <class T>
struct Parsed {
  std::size_t size = 0;
  T value{};
};

// Whether the client offers "no authentication". An error: the bytes are not SOCKS5, so close.
Result<Parsed<bool>, SocksReply> parse_socks_greeting(ByteView bytes);
Result<Parsed<Target>, SocksReply> parse_socks_request(ByteView bytes);
Bytes render_socks_reply(SocksReply reply);

// The refusal of every SOCKS4 and SOCKS4a request: 00 ‖ 5b ‖ six bytes of zero.
constexpr std::uint8_t kSocks4Version = 4;
Bytes render_socks4_refusal();

// As http::parse_request_head(), but for HTTP/1.1 and HTTP/1.0.
Result<http::ParsedHead<http::RequestHead>> parse_either_version(
    ByteView bytes, const http::HeadLimits& limits = {});

struct ProxyRequest {
  Target target;
  bool connect = true;  // false: one request for http://, which is sent on as `head`
  std::string head;     // in origin form, without the headers for the proxy
};
// The target of an HTTP request, or the status that refuses it: 400 malformed, 403 sent by a web
// page of another site (browser.hpp), 405 neither CONNECT nor http://. `http10`: the client's
// version is HTTP/1.0.
Result<ProxyRequest, int> proxy_request(const http::RequestHead& head, bool http10 = false);

}  // namespace culvert::proxy

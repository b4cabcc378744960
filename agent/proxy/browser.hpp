// Detects HTTP requests from web pages of other sites. The user's browser runs every open page, and
// a page may send requests to http://127.0.0.1:PORT (cross-site request forgery), also under a name
// of its own that it resolves to 127.0.0.1 (DNS rebinding). Pure. The heads come from a
// RequestGuard (forwards) or from proxy_request() (the proxy), and only a request that is not
// refused goes on.
//
// Browsers always send these headers, and a page cannot change them. Refused are:
//   Sec-Fetch-Site  any value but same-origin and none (Fetch Metadata Request Headers §2.1)
//   Origin          any origin but the forward's own (Fetch §3.1)
//   Host            any name but the forward's own: always where the service's protocol is HTTP,
//                   otherwise where other headers show that a browser sent the request
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/http/head.hpp"

namespace culvert::proxy {

// The names that a request may use: 127.0.0.1, localhost and [::1] with the local port, and the
// service's name with any port.
struct OwnNames {
  std::string service;       // normal_host()
  std::uint16_t port = 0;    // where the forward listens
  bool strict_host = false;  // the service speaks HTTP: every foreign Host is refused
  bool single = false;       // bytes after the first request are not for this service: dropped
};

struct Refusal {
  int status = 403;
  std::string text;  // one line that names the cause and what to do
  friend bool operator==(const Refusal&, const Refusal&) = default;
};
std::string render(const Refusal& refusal);  // a whole HTTP/1.1 response that ends the connection

// `authority`: as in a Host header. `without_port`: the port that a missing one means; 0: any port.
bool is_own(std::string_view authority, const OwnNames& names, std::uint16_t without_port);

// Whether the request has headers that browsers send and other programs do not.
bool looks_like_browser(const http::HttpHeaders& headers);

// Nothing: the request may go on.
std::optional<Refusal> refuse_cross_site(const http::RequestHead& head, const OwnNames& names);

}  // namespace culvert::proxy

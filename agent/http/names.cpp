#include "agent/http/names.hpp"

#include "proto/core/ascii.hpp"

#include <algorithm>
#include <array>

namespace culvert::http {
namespace {

// Families of one product or one purpose. The comment names a program that reads or sets them.
constexpr std::array<std::string_view, 49> kReservedPrefixes = {
    "culvert-",               // this agent
    "impersonate-",           // Kubernetes
    "x-impersonate",          // Rancher
    "remote-",                // Authelia, Apache, CGI
    "x-remote-",              // Kubernetes front proxy, Rails, Gerrit
    "x-forwarded",            // oauth2-proxy, Envoy, Traefik, every proxy
    "x-original",             // nginx ingress, IIS, Symfony
    "x-rewrite",              // IIS
    "x-proxy",                // various gateways
    "x-proxied",              // various gateways
    "x-http-",                // method and host override: Rails, Express, ASP.NET
    "x-auth-",                // oauth2-proxy, Gatekeeper, Traefik forward auth
    "auth-",                  // nginx auth_request
    "x-authenticated",        // Kong, various
    "authenticated-",         // various
    "x-webauth",              // Grafana
    "webauth-",               // Grafana
    "x-authentik",            // authentik
    "x-authelia",             // Authelia
    "x-vouch-",               // Vouch Proxy
    "x-pomerium-",            // Pomerium
    "teleport-",              // Teleport
    "x-teleport-",            // Teleport
    "tailscale-",             // Tailscale Serve
    "cf-",                    // Cloudflare Access and proxy
    "x-goog-authenticated-",  // Google IAP
    "x-goog-iap-",            // Google IAP
    "x-amzn-oidc-",           // AWS load balancer
    "x-amzn-mtls-",           // AWS load balancer
    "x-ms-client-principal",  // Azure App Service
    "x-ms-token-",            // Azure App Service
    "x-arr-",                 // IIS request routing
    "x-appengine-",           // App Engine
    "x-envoy-",               // Envoy
    "x-istio-",               // Istio
    "l5d-",                   // Linkerd
    "x-consumer-",            // Kong
    "x-anonymous-",           // Kong
    "x-credential-",          // Kong
    "oidc-",                  // mod_auth_openidc
    "x-oidc-",                // mod_auth_openidc
    "shib-",                  // Shibboleth
    "x-shib-",                // Shibboleth
    "mellon-",                // mod_auth_mellon
    "iv-",                    // IBM WebSEAL
    "sm-",                    // SiteMinder
    "oam-",                   // Oracle Access Manager
    "ajp-",                   // mod_jk, Tomcat
    "x-client-",              // client addresses and certificates
};

// Words between dashes. A header name with one of them is about an identity, the origin of a
// request, or the original host, path or method.
constexpr std::array<std::string_view, 48> kReservedWords = {
    "actor",      "behalf",        "claim",       "claims",       "uid",        "addr",
    "assertion",  "authenticated", "cert",        "certificate",  "clientcert", "clientip",
    "dn",         "email",         "eppn",        "forwarded",    "group",      "groups",
    "iap",        "identity",      "impersonate", "impersonated", "ip",         "login",
    "mail",       "oidc",          "original",    "override",     "person",     "principal",
    "principals", "role",          "roles",       "saml",         "socketip",   "spiffe",
    "ssl",        "sso",           "subject",     "tls",          "upn",        "userid",
    "useremail",  "usergroups",    "userinfo",    "userroles",    "users",      "webauth"};

// Endings of such words: user, remoteuser, authuser; username, preferredusername.
constexpr std::array<std::string_view, 2> kReservedEndings = {"user", "username"};

constexpr std::array<std::string_view, 16> kReserved = {
    "proxy",                                 // CGI programs read it as HTTP_PROXY
    "client-cert",     "client-cert-chain",  // RFC 9440
    "x-host",          "host-override",     "x-method",    "x-override-url", "request-uri",
    "x-request-uri",   "x-script-name",     "script-name", "path-info",      "x-path-info",
    "x-sendfile-type", "x-accel-mapping",   "base-url"};

// Headers that a client itself must send: credentials that the upstream checks, or headers without
// an identity.
constexpr std::array<std::string_view, 8> kOfClients = {
    "user-agent", "x-user-agent",      "x-amz-user-agent",    "x-auth-token",
    "x-auth-key", "x-clickhouse-user", "x-goog-user-project", "x-subject-token"};

constexpr std::array<std::string_view, 11> kHopByHop = {"connection",
                                                        "keep-alive",
                                                        "proxy-connection",
                                                        "te",
                                                        "trailer",
                                                        "proxy-authenticate",
                                                        "proxy-authorization",
                                                        "transfer-encoding",
                                                        "upgrade",
                                                        "http2-settings",
                                                        "expect"};
// Fields that a sender must not put into trailers (RFC 9110 §6.5.1, the list of RFC 7230 §4.1.2),
// beside kFraming and kHopByHop.
constexpr std::array<std::string_view, 32> kForbiddenTrailers = {
    // request modifiers and conditionals
    "cache-control", "max-forwards", "pragma", "range", "if-match", "if-none-match",
    "if-modified-since", "if-unmodified-since", "if-range", "prefer",
    // authentication and state
    "authorization", "www-authenticate", "cookie", "set-cookie", "cookie2", "set-cookie2",
    // response control
    "age", "date", "expires", "location", "retry-after", "vary", "warning",
    // the format and the place of the content
    "content-type", "content-encoding", "content-language", "content-location", "content-range",
    "content-disposition", "accept-ranges",
    // what browsers enforce
    "strict-transport-security", "content-security-policy"};

constexpr std::array<std::string_view, 3> kFraming = {"content-length", "transfer-encoding",
                                                      "host"};

template <std::size_t N>
bool among(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_reserved_word(std::string_view word) {
  return among(kReservedWords, word) ||
         std::any_of(kReservedEndings.begin(), kReservedEndings.end(),
                     [&](std::string_view ending) { return word.ends_with(ending); });
}

bool has_reserved_word(std::string_view name) {
  while (true) {
    const auto dash = name.find('-');
    if (is_reserved_word(name.substr(0, dash))) return true;
    if (dash == std::string_view::npos) return false;
    name.remove_prefix(dash + 1);
  }
}

}  // namespace

std::string fold(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    c = to_lower(c);
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) c = '-';
  }
  return out;
}

bool is_reserved(std::string_view folded) {
  if (among(kOfClients, folded)) return false;
  return among(kReserved, folded) || has_reserved_word(folded) ||
         std::any_of(kReservedPrefixes.begin(), kReservedPrefixes.end(),
                     [&](std::string_view prefix) { return folded.starts_with(prefix); });
}
bool is_hop_by_hop(std::string_view folded) { return among(kHopByHop, folded); }
bool is_framing(std::string_view folded) { return among(kFraming, folded); }
bool is_forbidden_trailer(std::string_view folded) {
  return among(kForbiddenTrailers, folded) || is_framing(folded) || is_hop_by_hop(folded);
}

}  // namespace culvert::http

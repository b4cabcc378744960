// The meaning of request heads, and the heads that are refused: each attack is a row with its name.
#include "agent/http/exchange.hpp"
#include "agent/http/h1_head.hpp"
#include "proto/http/path.hpp"

#include <catch2/catch.hpp>

#include "agent/http/names.hpp"
#include "agent/http/routes.hpp"

using namespace culvert;
using namespace culvert::http;

namespace {

constexpr const char* kApi = "api.acme.example.com";
const std::string kHost = "Host: api.acme.example.com\r\n";

// The status with which a whole head is refused; 0: the head is accepted.
int judged(const std::string& raw) {
  const auto parsed = http::parse_request_head(view(raw), kRequestLimits);
  if (!parsed) return parsed.error().code == ErrorCode::kExhausted ? 431 : 400;
  REQUIRE(parsed->size == raw.size());
  auto routes = std::make_shared<Routes>();
  REQUIRE(routes->add("", "/", 0));
  const SessionOptions options{routes, kApi, kApi, "::1", {"p", "g", "d", 1}, nullptr};
  Exchange exchange(options, {}, 1);
  const auto judged =
      exchange.judge({StreamId{1}, parsed->head.method, read_request(parsed->head)});
  return judged ? 0 : judged.error().status;
}
Request request_of(const std::string& raw) {
  const auto parsed = http::parse_request_head(view(raw), kRequestLimits);
  REQUIRE(parsed);
  const auto request = read_request(parsed->head);
  CAPTURE(request ? "" : request.error().why);
  REQUIRE(request);
  return *request;
}
// The response with this status, reason and headers.
Response response_of(const std::string& raw, const std::string& method = "POST") {
  const auto parsed = http::parse_response_head(view("HTTP/1.1 " + raw + "\r\n"), kResponseLimits);
  REQUIRE(parsed);
  Request request;
  request.method = method;
  const auto response = read_response(parsed->head, request);
  REQUIRE(response);
  return *response;
}
std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\n" + kHost + "\r\n";
}
std::string with(const std::string& headers) {
  return "POST / HTTP/1.1\r\n" + kHost + headers + "\r\n";
}
std::string hosted(const std::string& host) {
  return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

struct Row {
  const char* attack;
  std::string raw;
  int status;
};

}  // namespace

TEST_CASE("http attack: framing of requests", "[http]") {
  const auto row = GENERATE(values<Row>({
      {"CL.TE", with("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"TE.CL", with("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"), 400},
      {"TE.TE", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"TE.TE, one unknown", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), 400},
      {"TE list", with("Transfer-Encoding: gzip, chunked\r\n"), 400},
      {"TE not ending in chunked", with("Transfer-Encoding: chunked, gzip\r\n"), 400},
      {"TE identity", with("Transfer-Encoding: identity\r\n"), 400},
      {"TE empty", with("Transfer-Encoding:\r\n"), 400},
      {"TE with a vertical tab",
       with("Transfer-Encoding: \x0B"
            "chunked\r\n"),
       400},
      {"TE quoted", with("Transfer-Encoding: \"chunked\"\r\n"), 400},
      {"TE with a parameter", with("Transfer-Encoding: chunked;a=b\r\n"), 400},
      {"TE by underscore", with("Transfer_Encoding: chunked\r\n"), 400},
      {"CL by underscore", with("Content_Length: 5\r\n"), 400},
      {"CL by dot", with("Content.Length: 5\r\n"), 400},
      {"Host by underscore is no Host", "GET / HTTP/1.1\r\nHo_st: x\r\n\r\n", 400},
      {"CL twice, the same", with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
      {"CL twice, different", with("Content-Length: 5\r\ncontent-length: 6\r\n"), 400},
      {"CL list", with("Content-Length: 5, 5\r\n"), 400},
      {"CL empty", with("Content-Length:\r\n"), 400},
      {"CL signed", with("Content-Length: +5\r\n"), 400},
      {"CL negative", with("Content-Length: -5\r\n"), 400},
      {"CL hexadecimal", with("Content-Length: 0x5\r\n"), 400},
      {"CL with a space inside", with("Content-Length: 1 0\r\n"), 400},
      {"CL overflow", with("Content-Length: 18446744073709551621\r\n"), 400},
      {"CL with a fraction", with("Content-Length: 5.0\r\n"), 400},
  }));
  CAPTURE(row.attack);
  CHECK(judged(row.raw) == row.status);
}

TEST_CASE("http attack: bytes and lines of heads", "[http]") {
  using namespace std::string_literals;
  const auto row = GENERATE(values<Row>({
      {"bare LF", "GET / HTTP/1.1\nHost: api.acme.example.com\n\n", 400},
      {"bare LF after a header", "GET / HTTP/1.1\r\nHost: api.acme.example.com\n\r\n", 400},
      {"bare CR in a value", with("A: b\rC: d\r\n"), 400},
      {"CR CR LF", with("A: b\r\r\n"), 400},
      {"obs-fold by space", with("A: b\r\n c\r\n"), 400},
      {"obs-fold by tab", with("A: b\r\n\tc\r\n"), 400},
      {"fold before the first header", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
      {"space before the colon", with("Content-Length : 5\r\n"), 400},
      {"tab before the colon", with("Transfer-Encoding\t: chunked\r\n"), 400},
      {"no colon", with("Content-Length\r\n"), 400},
      {"empty header name", with(": value\r\n"), 400},
      {"NUL in a value", with("A: b\0c\r\n"s), 400},
      {"NUL in a name", with("A\0: b\r\n"s), 400},
      {"NUL in the target", get("/a\0b"s), 400},
      {"a control character", with("A: \x01\r\n"), 400},
      {"DEL", with("A: \x7F\r\n"), 400},
      {"a name beyond ASCII", with("\xC3\x84: b\r\n"), 400},
      {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: api.acme.example.com\r\n\r\n", 400},
      {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\n", 400},
      {"HTTP/0.9", "GET /\r\n\r\n", 400},
      {"http/1.1", "GET / http/1.1\r\nHost: api.acme.example.com\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: api.acme.example.com\r\n\r\n", 400},
      {"a tab in the first line", "GET\t/ HTTP/1.1\r\nHost: api.acme.example.com\r\n\r\n", 400},
      {"a space in the target", get("/a b"), 400},
      {"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: api.acme.example.com\r\n\r\n", 400},
      {"a bad method", "G(T / HTTP/1.1\r\nHost: api.acme.example.com\r\n\r\n", 400},
      {"CONNECT", "CONNECT api.acme.example.com:443 HTTP/1.1\r\n" + kHost + "\r\n", 405},
      {"TRACE", "TRACE / HTTP/1.1\r\n" + kHost + "\r\n", 405},
      {"a long method", std::string(kMaxMethod + 1, 'A') + " / HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"a long target", get("/" + std::string(kMaxTarget, 'a')), 414},
      {"an unknown Expect", with("Content-Length: 1\r\nExpect: 200-ok\r\n"), 417},
      {"two Expects", with("Content-Length: 1\r\nExpect: 100-continue\r\nExpect: x\r\n"), 417},
  }));
  CAPTURE(row.attack);
  const auto parsed = http::parse_request_head(view(row.raw), kRequestLimits);
  CHECK((!parsed || judged(row.raw) == row.status));
  if (!parsed) CHECK(row.status == 400);
}

TEST_CASE("http attack: too much of a head", "[http]") {
  std::string many = "GET / HTTP/1.1\r\n" + kHost;
  for (std::size_t i = 0; i < kRequestLimits.headers; ++i) many += "A: b\r\n";
  CHECK(judged(many + "\r\n") == 431);
  const auto endless = "GET / HTTP/1.1\r\n" + kHost + "A: " + std::string(kRequestLimits.size, 'a');
  CHECK(http::parse_request_head(view(endless), kRequestLimits).error().code ==
        ErrorCode::kExhausted);
}

TEST_CASE("http attack: who is asked", "[http]") {
  const auto row = GENERATE(values<Row>({
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n", 400},
      {"two Hosts, one foreign", "GET / HTTP/1.1\r\n" + kHost + "Host: b\r\n\r\n", 400},
      {"an empty Host", hosted(""), 400},
      {"SNI is not Host", hosted("db.acme.example.com"), 421},
      {"a name below", hosted("x.api.acme.example.com"), 421},
      {"a longer name", hosted("api.acme.example.com.evil.example"), 421},
      {"a trailing dot", hosted("api.acme.example.com."), 400},
      {"a leading dot", hosted(".api.acme.example.com"), 400},
      {"an IPv4 literal", hosted("127.0.0.1"), 400},
      {"an IPv4 literal, short", hosted("127.1"), 400},
      {"an IPv4 literal, one number", hosted("2130706433"), 400},
      {"an IPv6 literal", hosted("[::1]"), 400},
      {"user information", hosted("a@api.acme.example.com"), 400},
      {"a list", hosted("api.acme.example.com, b"), 400},
      {"a path in Host", hosted("api.acme.example.com/x"), 400},
      {"a port that is none", hosted("api.acme.example.com:x"), 400},
      {"a port too large", hosted("api.acme.example.com:65536"), 400},
      {"an empty port", hosted("api.acme.example.com:"), 400},
      {"two ports", hosted("api.acme.example.com:1:2"), 400},
      {"absolute-form with another host", get("https://db.acme.example.com/"), 400},
      {"absolute-form with user information", get("https://a@api.acme.example.com/"), 400},
      {"absolute-form of another scheme", get("ftp://api.acme.example.com/"), 400},
      {"absolute-form without a path", get("https://api.acme.example.com"), 400},
      {"authority-form", get("api.acme.example.com:443"), 400},
      {"asterisk-form", "OPTIONS * HTTP/1.1\r\n" + kHost + "\r\n", 400},
  }));
  CAPTURE(row.attack);
  CHECK(judged(row.raw) == row.status);
}

TEST_CASE("http attack: paths that mean something else further on", "[http]") {
  const std::string path =
      GENERATE("/../x", "/a/..", "/a/../b", "/./a", "/a/.", "/%2e%2e/x", "/a/%2E%2e", "/.%2e/x",
               "//", "//a", "/a//b", "/a;x=1", "/a/..;/b", "/a%3bb", "/a%2fb", "/a%2F..%2Fb",
               "/a\\b", "/a%5cb", "/%00", "/a%0d%0ab", "/%7f", "/%", "/%4", "/%zz", "/%252e%252e",
               "/a<b", "/a\"b", "/a#b", "/a{b", "/a|b", "/a^b", "/\xC3\xA4", "/?a#b");
  CAPTURE(path);
  CHECK(judged(get(path)) == 400);
}

TEST_CASE("http attack: dots, slashes and controls in other spellings", "[http]") {
  const std::string segment = GENERATE(
      // dots with characters that a server trims or cuts off
      "...", "....", "..%20", "%20..", "..%20%20", ".%20", "%20.", ".%20.", "%20", "..%C2%A0",
      "..%E3%80%80", "..%E2%80%8B", "%E2%80%8B..", ".%E2%80%8B.", "..%EF%BB%BF", "..%C2%AD",
      "..%CD%8F", "..%E2%80%AE", "..%F3%A0%80%81", "..;", "..%3B", "..%3Bx", "..:", "..::$DATA",
      "..,", "..%22", "..!", "..*", "..%23", "..%3F", "..%00", "..%09", "..%0A", "..%1F",
      // other spellings of a dot
      "%EF%BC%8E%EF%BC%8E", "%E2%80%A4%E2%80%A4", "%E2%80%A5", "%E2%80%A6", ".%EF%BC%8E",
      "%E3%80%82%E3%80%82", "%EF%B9%92%EF%B9%92",
      // overlong UTF-8 of '.', '/', '\\' and NUL, in two to six bytes
      "%C0%AE%C0%AE", "%c0%ae.", "..%C0%AFx", "a%C0%AFb", "a%C1%9Cb", "%C0%80", "%E0%80%AE",
      "a%E0%80%AFb", "%F0%80%80%AE", "a%F0%80%80%AFb", "%F8%80%80%80%AE", "%FC%80%80%80%80%AE",
      // not UTF-8 at all
      "%FF", "%80", "%C3", "%ED%A0%80", "%F4%90%80%80", "%F5%80%80%80", "a%E2%82",
      // other spellings of slash, backslash, percent sign and semicolon
      "a%EF%BC%8Fb", "..%EF%BC%8Fb", "a%EF%BC%BCb", "a%E2%88%95b", "a%E2%81%84b", "a%E2%88%96b",
      "a%EF%B9%A8b", "%EF%BC%852e", "%EF%B9%AA2e", "a%EF%BC%9Bb",
      // encoded two or three times, and spellings that only some servers know
      "%252e%252e", "%25252e", "%252f", "%255c", "%2500", "%25%32%65", "%u002e%u002e", "%%32%65",
      "%5C..", "..%5C", "..%5c..", "%2F", "%2f..",
      // controls
      "a%01", "a%C2%85b", "a%C2%80", "a%C2%9F");
  const std::string place = GENERATE("/", "/a/", "/v1/b/");
  const std::string after = GENERATE("", "/", "/x");
  CAPTURE(place, segment, after);
  CHECK(judged(get(place + segment + after)) == 400);
}

TEST_CASE("http: paths with dots, spaces and letters of other scripts that are harmless",
          "[http]") {
  const std::string path =
      GENERATE("/", "/a/", "/.well-known/acme", "/..a", "/...a", "/a..", "/a.", "/a...b",
               "/main...x", "/example.com./", "/a%20b", "/%20a", "/a%20", "/.a%20b", "/%C3%A4",
               "/.%C3%A4", "/%E6%97%A5%E6%9C%AC", "/%F0%9F%94%91", "/a%E2%80%A6", "/a:b@c", "/_",
               "/-", "/~a", "/a,b", "/(a)", "/*", "/a%22b", "/a%3Fb", "/a%23b");
  CAPTURE(path);
  const auto normal = normal_path(path);
  REQUIRE(normal);
  CHECK(*normal == path);
  CHECK(judged(get(path)) == 0);
}

TEST_CASE("http attack: Connection must not name what is not of the connection", "[http]") {
  const std::string option = GENERATE(
      "Culvert-User", "culvert_user", "close, Culvert-Grant", "X-Forwarded-For", "Impersonate-User",
      "Host", "Content-Length", "Transfer-Encoding", "Authorization", "Cookie", "X_Real_IP");
  CAPTURE(option);
  CHECK(judged(with("Connection: " + option + "\r\n")) == 400);
}

TEST_CASE("http attack: an upgrade with a body, or to h2c", "[http]") {
  const std::string ask = "Connection: Upgrade\r\nUpgrade: ";
  CHECK(judged(with(ask + "websocket\r\nContent-Length: 3\r\n")) == 400);
  CHECK(judged(with(ask + "websocket\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(request_of(with(ask + "websocket\r\n")).upgrade == "websocket");
  CHECK(request_of(with(ask + "SPDY/3.1\r\nContent-Length: 0\r\n")).upgrade == "SPDY/3.1");
  for (const char* other : {"h2c", "websocket, h2c", "TLS/1.0", "h2c\r\nUpgrade: websocket"}) {
    const auto request = request_of(with(ask + other + "\r\nHTTP2-Settings: AAMAAABk\r\n"));
    CHECK(request.upgrade.empty());
    CHECK(request.headers.list().empty());
  }
  // The Connection header is missing.
  CHECK(request_of(with("Upgrade: websocket\r\n")).upgrade.empty());
}

TEST_CASE("http: foreign identity and hop-by-hop headers are dropped in any spelling", "[http]") {
  const std::string name = GENERATE(
      "Culvert-User", "CULVERT-USER", "Culvert_User", "culvert-grant", "Culvert-Whatever",
      "Culvert.User", "Impersonate-User", "Impersonate-Extra-Grant-Id", "impersonate_extra_a",
      "Impersonate-Group", "X-Forwarded-For", "X_Forwarded_For", "X-Forwarded-Whatever",
      "Forwarded", "X-Remote-User", "x_remote-group", "X-Real-IP", "X_Real_IP", "X-Original-URL",
      "X-Rewrite-Url", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade",
      "Proxy-Authorization", "Proxy_Authorization", "HTTP2-Settings", "Listed");
  CAPTURE(name);
  const auto request = request_of(with("Connection: listed\r\n" + name + ": x\r\nKept: y\r\n"));
  CHECK(request.headers.list() == decltype(request.headers.list()){{"Kept", "y"}});
}

TEST_CASE("http attack: what another proxy would say of the client", "[http]") {
  const std::string name = GENERATE(
      // the user
      "Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name", "X-Remote-Extra-Scopes",
      "X-WebAuth-User", "X-WebAuth-Name", "X-WebAuth-Role", "X-Auth-Request-User",
      "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Access-Token",
      "X-Auth-Request-Redirect", "X-Auth-Request-Preferred-Username", "X-Auth-User",
      "X-Auth-Username", "X-Auth-Roles", "X-Auth-Subject", "X-Forwarded-User",
      "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Forwarded", "X-User",
      "X-User-Id", "X-User-Email", "X-UserId", "X-Username", "X-Email", "X-Groups", "X-Roles",
      "X-RemoteUser", "XRemoteUser", "REMOTEUSER", "RemoteUser", "HTTP_REMOTE_USER", "Auth-User",
      "X-Authenticated-User", "X-Authenticated-Groups", "X-Authenticated-UserId",
      "Authenticated-User", "X-Grafana-User", "X-Proxy-User", "X-ProxyUser", "X-Token-Subject",
      "X-Authentik-Username", "X-Authentik-Uid", "X-Vouch-User", "X-Vouch-IdP-Claims-Name",
      "X-Pomerium-Jwt-Assertion", "X-Pomerium-Claim-Email", "Teleport-Jwt-Assertion",
      "Teleport-Impersonate", "Tailscale-User-Login", "Tailscale-User-Name",
      "Tailscale-User-Profile-Pic", "Tailscale-App-Capabilities", "Cf-Access-Jwt-Assertion",
      "Cf-Access-Authenticated-User-Email", "X-Goog-Authenticated-User-Email",
      "X-Goog-Authenticated-User-Id", "X-Goog-IAP-JWT-Assertion", "X-Amzn-Oidc-Identity",
      "X-Amzn-Oidc-Data", "X-Amzn-Oidc-Accesstoken", "X-MS-CLIENT-PRINCIPAL",
      "X-MS-CLIENT-PRINCIPAL-NAME", "X-MS-TOKEN-AAD-ID-TOKEN", "X-AppEngine-User-Email",
      "X-Consumer-Username", "X-Consumer-Custom-ID", "X-Credential-Username", "OIDC_CLAIM_sub",
      "Shib-Identity-Provider", "Eppn", "Mellon-Name", "iv-user", "iv-creds", "SM_USER", "SMUSER",
      "OAM_REMOTE_USER", "AJP_REMOTE_USER", "es-security-runas-user", "X-Trino-User",
      "Impersonate-Uid", "X-Impersonate-Anyone", "X-Saml-Name", "X-Sso-Id", "Sec-Remote-User",
      // the client certificate
      "SSL-Client-Cert", "SSL_CLIENT_CERT", "ssl-client-verify", "ssl-client-subject-dn",
      "ssl-client-issuer-dn", "SSL_CLIENT_S_DN", "SSL_CLIENT_S_DN_CN", "X-SSL-Client-Cert",
      "X-SSL-Client-DN", "X-SSL-Cert", "X-Client-Cert", "X-ClientCert", "X-Client-Verify",
      "Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert",
      "X-Forwarded-Tls-Client-Cert-Info", "X-Amzn-Mtls-Clientcert",
      "X-Amzn-Mtls-Clientcert-Subject", "X-ARR-ClientCert", "X-TLS-Client-Subject",
      "Tls-Client-Cert", "X-Subject-DN", "X-Cert-Dn", "X-Spiffe-Id", "X-Envoy-Peer-Metadata",
      "X-Istio-Attributes", "l5d-client-id",
      // the client's address
      "True-Client-IP", "X-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP",
      "X-Cluster-Client-IP", "X-Azure-ClientIP", "X-Azure-SocketIP", "X-Originating-IP",
      "X-Remote-IP", "X-Remote-Addr", "Remote-Addr", "X-Source-IP", "X-ProxyUser-Ip",
      "X-Envoy-External-Address", "Proxy",
      // the host, path or method
      "X-Original-URI", "X-Original-Method", "X-Original-Host", "X-Original-Forwarded-For",
      "X-Rewrite-URI", "X-Envoy-Original-Path", "X-Envoy-Internal", "X-Forwarded-Prefix",
      "X-Forwarded-Uri", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Method",
      "X-HTTP-Host-Override", "X-Host", "Host-Override", "X-Override-URL", "Request-Uri",
      "X-Script-Name", "Path-Info");
  const std::string spelling = GENERATE("as it is", "underscores", "upper case", "dots");
  std::string spelled = name;
  for (char& c : spelled) {
    if (c == '-' && spelling == "underscores") c = '_';
    if (c == '-' && spelling == "dots") c = '.';
    if (c >= 'a' && c <= 'z' && spelling == "upper case") c = static_cast<char>(c - 'a' + 'A');
  }
  CAPTURE(spelled);
  const auto request = request_of(with(spelled + ": x\r\nKept: y\r\n"));
  CHECK(request.headers.list() == decltype(request.headers.list()){{"Kept", "y"}});
  CHECK(judged(with("Connection: " + spelled + "\r\n")) == 400);
}

TEST_CASE("http: what a client itself says goes on", "[http]") {
  const std::string name =
      GENERATE("Authorization", "Cookie", "User-Agent", "X-User-Agent", "Accept", "Accept-Encoding",
               "Origin", "Referer", "Range", "If-None-Match", "Content-Type", "Content-Encoding",
               "X-Auth-Token", "X-Api-Key", "X-Vault-Token", "X-ClickHouse-User",
               "X-ClickHouse-Key", "X-Subject-Token", "X-Amz-Date", "X-Amz-Content-Sha256",
               "X-Amz-Security-Token", "X-Goog-User-Project", "X-Prometheus-Remote-Write-Version",
               "X-Scope-OrgID", "X-Requested-With", "X-Csrf-Token", "X-Request-Id", "X-B3-TraceId",
               "Traceparent", "Idempotency-Key", "Sec-WebSocket-Key", "Sec-Fetch-Site",
               "X-Stream-Protocol-Version", "Grpc-Timeout", "X-Grafana-Org-Id", "Kbn-Xsrf",
               "Destination", "Depth", "Prefer", "X-Registry-Auth", "X-Recipient");
  CAPTURE(name);
  const auto request = request_of(with(name + ": x\r\n"));
  CHECK(request.headers.list() == decltype(request.headers.list()){{name, "x"}});
}

TEST_CASE("http: a request is written anew, with who asks", "[http]") {
  const auto request = request_of(
      "POST https://API.acme.example.com:443/v1/%61%7eb%c3%a4?q=%2e//;x HTTP/1.1\r\n"
      "hOST:  API.acme.example.com:443 \r\nContent-Length: 12\r\nAuthorization: Bearer t\r\n"
      "Expect: 100-Continue\r\nCulvert_User: mallory\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n");
  AccessRecord record;
  record.id = "7-1";
  record.who = {"alice@vendor.example", "sha256:ab", "ed25519:cd", 7};
  CHECK(write_request(forwarded(request, record, "fd63::1")) ==
        "POST /v1/a~b%C3%A4?q=%2e//;x HTTP/1.1\r\nHost: api.acme.example.com\r\n"
        "Culvert-User: alice@vendor.example\r\nCulvert-Grant: sha256:ab\r\n"
        "Culvert-Device: ed25519:cd\r\nCulvert-Request: 7-1\r\nX-Forwarded-For: fd63::1\r\n"
        "X-Forwarded-Proto: https\r\nX-Forwarded-Host: api.acme.example.com\r\n"
        "Authorization: Bearer t\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n");
}

TEST_CASE("http: what is written is read the same again", "[http]") {
  const std::string raw =
      GENERATE(as<std::string>{}, get("/"), get("/a/b%20c?d=e&f"), with("Content-Length: 7\r\n"),
               with("Transfer-Encoding: chunked\r\nA:  b \r\nA: c\r\nEmpty:\r\n"),
               with("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"));
  const auto first = request_of(raw);
  AccessRecord record;
  record.id = "1-1";
  record.who = {"p", "g", "d", 1};
  const auto again = request_of(write_request(forwarded(first, record, "::1")));
  CHECK(again.method == first.method);
  CHECK(again.path + again.query == first.path + first.query);
  CHECK(again.body == first.body);
  CHECK(again.upgrade == first.upgrade);
  // The second hop removes the headers of the first hop and adds the same again.
  CHECK(again.headers.list() == first.headers.list());
}

TEST_CASE("http attack: responses", "[http]") {
  const auto row = GENERATE(table<const char*, std::string, bool>({
      {"CL.TE", "200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", false},
      {"CL twice", "200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n", false},
      {"CL empty", "200 OK\r\nContent-Length:\r\n", false},
      {"TE gzip", "200 OK\r\nTransfer-Encoding: gzip\r\n", false},
      {"TE by underscore", "200 OK\r\nTransfer_Encoding: chunked\r\n", false},
      {"a 101 that nobody asked for", "101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
       false},
      {"a 100 with a body", "100 Continue\r\nContent-Length: 1\r\n", false},
      {"fine", "200 OK\r\nContent-Length: 1\r\n", true},
  }));
  CAPTURE(std::get<0>(row));
  const auto parsed =
      http::parse_response_head(view("HTTP/1.1 " + std::get<1>(row) + "\r\n"), kResponseLimits);
  REQUIRE(parsed);
  CHECK(read_response(parsed->head, request_of(get("/"))).has_value() == std::get<2>(row));
}

TEST_CASE("http attack: only the very upgrade that was asked for is one", "[http]") {
  const auto asked = request_of(with("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  const auto row = GENERATE(table<std::string, bool>({
      {"Connection: upgrade\r\nUpgrade: WebSocket\r\n", true},
      {"Connection: Upgrade\r\n", false},
      {"Upgrade: websocket\r\n", false},
      {"Connection: Upgrade\r\nUpgrade: h2c\r\n", false},
      {"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n", false},
      {"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n", false},
      {"Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n", false},
  }));
  CAPTURE(std::get<0>(row));
  const auto parsed = http::parse_response_head(
      view("HTTP/1.1 101 X\r\n" + std::get<0>(row) + "\r\n"), kResponseLimits);
  REQUIRE(parsed);
  CHECK(read_response(parsed->head, asked).has_value() == std::get<1>(row));
}

TEST_CASE("http: how long an answer's body is", "[http]") {
  using Kind = Framing::Kind;
  const auto [method, head, kind, keep] = GENERATE(table<std::string, std::string, Kind, bool>({
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Kind::kLength, true},
      {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", Kind::kChunked, true},
      {"GET", "HTTP/1.1 200 OK\r\n\r\n", Kind::kUntilClose, true},
      {"GET", "HTTP/1.1 200\r\nConnection: close\r\n\r\n", Kind::kUntilClose, false},
      {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", Kind::kLength, false},
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Kind::kNone, true},
      {"HEAD", "HTTP/1.1 200 OK\r\n\r\n", Kind::kNone, true},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n", Kind::kNone, true},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Kind::kNone, true},
  }));
  CAPTURE(method, head);
  auto request = request_of(get("/"));
  request.method = method;
  const auto parsed = http::parse_response_head(view(head), kResponseLimits);
  REQUIRE(parsed);
  const auto response = read_response(parsed->head, request);
  REQUIRE(response);
  CHECK(response->body.kind == kind);
  CHECK(response->keep_alive == keep);
}

TEST_CASE("http: routes by host and longest prefix, on a segment's boundary", "[http]") {
  Routes routes;
  REQUIRE(routes.add("", "/", 0));
  REQUIRE(routes.add("", "/v1/", 1));
  REQUIRE(routes.add("", "/v1/deep", 2));
  REQUIRE(routes.add("admin", "/x", 3));
  const auto [host, path, found] = GENERATE(table<const char*, const char*, int>({
      {"", "/", 0},
      {"", "/a", 0},
      {"", "/v1", 1},
      {"", "/v1/", 1},
      {"", "/v1/a", 1},
      {"", "/v10", 0},
      {"", "/v1.0", 0},
      {"", "/V1/a", 0},
      {"", "/v1/deep", 2},
      {"", "/v1/deep/er", 2},
      {"", "/v1/de", 1},
      {"admin", "/x", 3},
      {"admin", "/x/y", 3},
      {"admin", "/y", -1},
      {"other", "/", -1},
  }));
  CAPTURE(host, path);
  const auto route = routes.find(host, path);
  CHECK((route ? static_cast<int>(*route) : -1) == found);
}

TEST_CASE("http: routes that are not plain are refused", "[http]") {
  Routes routes;
  REQUIRE(routes.add("", "/v1", 0));
  CHECK_FALSE(routes.add("", "/v1/", 1));  // the same prefix again
  for (const char* path : {"", "v1", "//", "/a//b", "/../a", "/a;b", "/%61", "/a?b", "/a b"}) {
    CHECK_FALSE(routes.add("", path, 1));
  }
  for (const char* host : {"Admin", ".", "a.", "-a", "a_b", "a b", "a..b"}) {
    CHECK_FALSE(routes.add(host, "/", 1));
  }
  for (std::size_t i = 1; i < kMaxRoutes; ++i) REQUIRE(routes.add("", "/r" + std::to_string(i), 1));
  CHECK_FALSE(routes.add("", "/more", 1));
}

TEST_CASE("http: a host is the service or below it", "[http]") {
  CHECK(host_of("api.a.b", "api.a.b") == "");
  CHECK(host_of("x.y.api.a.b", "api.a.b") == "x.y");
  CHECK_FALSE(host_of("xapi.a.b", "api.a.b"));
  CHECK_FALSE(host_of("a.b", "api.a.b"));
  CHECK_FALSE(host_of("", "api.a.b"));
}

TEST_CASE("http: an access line is one line of JSON, whatever is in it", "[http]") {
  AccessRecord record;
  record.at = *parse_time("2026-11-22T10:00:00Z");
  record.id = "17-2";
  record.service = kApi;
  record.who = {"alice@vendor.example", "sha256:ab", "ed25519:cd", 17};
  record.host = kApi;
  record.method = "GET";
  record.path = "/a\"b\\\n\xFF";
  record.has_query = true;
  record.status = 200;
  record.bytes_out = 5;
  record.took = 1500us;
  record.error = "why";
  CHECK(render(record) ==
        R"({"time":"2026-11-22T10:00:00Z","request":"17-2","audit":17,)"
        R"("service":"api.acme.example.com","grant":"sha256:ab","person":"alice@vendor.example",)"
        R"("device":"ed25519:cd","host":"api.acme.example.com","method":"GET",)"
        R"("path":"/a\u0022b\u005c\u000a\u00ff","query":"redacted","status":200,"bytes_in":0,)"
        R"("bytes_out":5,"microseconds":1500,"error":"why"})"
        "\n");
  record.path = std::string(100000, 'a');
  CHECK(render(record).size() < 2 * kMaxLoggedText);
}

TEST_CASE("http: TE goes on only as the one word trailers", "[http]") {
  const auto [te, passed] = GENERATE(table<std::string, bool>({
      {"trailers", true},
      {"Trailers", true},
      {"gzip, trailers", true},
      {"deflate;q=0.5", false},
      {"trailers;q=0.5", false},
      {"xtrailers", false},
      {"", false},
  }));
  CAPTURE(te);
  const auto head = write_request(request_of(with("Connection: TE\r\nTE: " + te + "\r\n")));
  CHECK(head.ends_with("\r\nConnection: TE\r\nTE: trailers\r\n\r\n") == passed);
  CHECK((head.find("\r\nTE:") != std::string::npos) == passed);
}

TEST_CASE("http: TE does not go on with an upgrade", "[http]") {
  const auto head = write_request(
      request_of(with("TE: trailers\r\nConnection: TE, Upgrade\r\nUpgrade: websocket\r\n")));
  CHECK(head.ends_with("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
}

TEST_CASE("http attack: fields that must not be trailers are dropped", "[http]") {
  const std::string name = GENERATE(
      // framing and routing
      "Content-Length", "Transfer-Encoding", "Host", "Content_Length", "TRANSFER-ENCODING",
      // the connection
      "Connection", "Upgrade", "Keep-Alive", "TE", "Trailer", "Proxy-Connection",
      // request modifiers and conditionals
      "Cache-Control", "Expect", "Max-Forwards", "Pragma", "Range", "If-Match", "If-None-Match",
      "If-Modified-Since", "If-Unmodified-Since", "If-Range",
      // authentication
      "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Cookie",
      "Set-Cookie",
      // response control
      "Age", "Date", "Expires", "Location", "Retry-After", "Vary", "Warning",
      // the format of the content
      "Content-Type", "Content-Encoding", "Content-Range", "content_type");
  CAPTURE(name);
  const HttpHeaders trailers{{name, "x"}, {"X-Kept", "y"}};
  const HttpHeaders kept{{"X-Kept", "y"}};
  CHECK(request_trailers(trailers).list() == kept.list());
  CHECK(response_trailers(trailers).list() == kept.list());
}

TEST_CASE("http attack: trailers cannot say who asks", "[http]") {
  const std::string name = GENERATE("Culvert-User", "culvert_user", "X-Forwarded-For",
                                    "Remote-User", "X-Real-IP", "X-HTTP-Method-Override");
  CAPTURE(name);
  CHECK(request_trailers({{name, "mallory"}}).list().empty());
}

TEST_CASE("http: trailers that programs use go on", "[http]") {
  const std::string name =
      GENERATE("Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin", "Digest", "Content-Digest",
               "ETag", "Server-Timing", "X-Amz-Checksum-Crc32", "X-ClickHouse-Summary");
  CAPTURE(name);
  const HttpHeaders trailers{{name, "x"}};
  CHECK(request_trailers(trailers).list() == trailers.list());
  CHECK(response_trailers(trailers).list() == trailers.list());
}

TEST_CASE("http: Trailer announces what goes on as a trailer, in both directions", "[http]") {
  const auto [sent, up, down] = GENERATE(table<std::string, std::string, std::string>({
      {"Trailer: Grpc-Status, X-Sum\r\n", "Grpc-Status, X-Sum", "Grpc-Status, X-Sum"},
      {"Trailer: a\r\nX: y\r\ntrailer:b ,, c\r\n", "a, b, c", "a, b, c"},
      // framing, routing, authentication and state; the connection; the announcement itself
      {"Trailer: Content-Length, Transfer-Encoding, content_length, Host, a\r\n", "a", "a"},
      {"Trailer: Authorization, Cookie, Set-Cookie, TE, Connection, Trailer, a\r\n", "a", "a"},
      {"Trailer: Content-Length\r\n", "", ""},
      // who asks: only an upstream may say it
      {"Trailer: Culvert-User, culvert_user, X-Forwarded-For, a\r\n", "a",
       "Culvert-User, culvert_user, X-Forwarded-For, a"},
      // what is no name of a field
      {"Trailer: a b, \"c\", d;e, f:g, h\r\n", "h", "h"},
      {"Trailer:\r\n", "", ""},
      {"Trailer: a\r\nConnection: Trailer\r\n", "", ""},
  }));
  CAPTURE(sent);
  const auto announced = [](const HttpHeaders& headers) {
    CHECK(headers.count("Trailer") <= 1);
    return std::string(headers.one("Trailer"));
  };
  const std::string chunked = sent + "Transfer-Encoding: chunked\r\n";
  CHECK(announced(request_of(with(chunked)).headers) == up);
  CHECK(announced(response_of("200 OK\r\n" + chunked).headers) == down);
}

TEST_CASE("http attack: Trailer with a body that has no trailers is dropped", "[http]") {
  const std::string framing = GENERATE("", "Content-Length: 3\r\n", "Content-Length: 0\r\n");
  CAPTURE(framing);
  const std::string headers = "Trailer: X-Sum\r\n" + framing;
  CHECK(request_of(with(headers)).headers.count("Trailer") == 0);
  CHECK(response_of("200 OK\r\n" + headers).headers.count("Trailer") == 0);
  const std::string chunked = "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n";
  CHECK(response_of("200 OK\r\n" + chunked, "HEAD").headers.count("Trailer") == 0);
  CHECK(response_of("204 No Content\r\n" + chunked).headers.count("Trailer") == 0);
  CHECK(response_of("304 Not Modified\r\n" + chunked).headers.count("Trailer") == 0);
  CHECK(response_of("103 Early Hints\r\nTrailer: X-Sum\r\n").headers.count("Trailer") == 0);
}

// An HTTP proxy for outgoing TLS connections, for networks without another way out: CONNECT
// (RFC 9110 §9.3.6), with Basic authentication (RFC 7617) from the proxy's URL. Errors name the
// proxy by host and port and say what to do; they never show the user name and password of the URL.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/host_port.hpp"
#include "proto/core/prefix.hpp"
#include "proto/core/result.hpp"
#include "proto/http/head.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/resolve.hpp"
#include "proto/runtime/stream/tls.hpp"

namespace culvert::runtime {

inline constexpr Duration kProxyTimeout = 8s;  // for each step: less than the caller's own timeout
inline constexpr std::size_t kMaxProxyText = 4096;  // bytes of a URL or a list of exceptions

struct HttpProxy {
  HostPort at;
  std::shared_ptr<TlsClientContext> tls;  // null: plain HTTP to the proxy
  std::string credentials;                // value of Proxy-Authorization; empty: none. Secret
  std::string named_by;                   // the setting to correct, such as "HTTPS_PROXY"
};

// http://[USER:PASSWORD@]HOST[:PORT], https://…, or without a scheme; USER and PASSWORD are
// percent-decoded. The error says what to write and repeats nothing of the URL, which has secrets.
Result<HttpProxy> parse_proxy(std::string_view url, std::string named_by);

// Which connections go through a proxy. Loopback never does.
class ProxyRules {
 public:
  ProxyRules() = default;  // no proxy
  ProxyRules(HttpProxy proxy, std::string_view except);

  // https_proxy, else HTTPS_PROXY; no_proxy, else NO_PROXY.
  static Result<ProxyRules> from_environment();
  // `url`: from a configuration file, which wins over the environment; empty: no proxy.
  static Result<ProxyRules> from_setting(std::string_view url, std::string named_by);

  // Null: connect directly.
  std::shared_ptr<const HttpProxy> proxy_for(const HostPort& to) const;
  std::string describe() const;  // "proxy.example:3128 (HTTPS_PROXY)"; empty: no proxy

 private:
  // Items as usual in NO_PROXY: NAME (and everything below it), .NAME, ADDRESS, PREFIX, each also
  // with :PORT, or * for everything.
  struct Exception {
    std::string name;  // lower case, without a leading dot; empty: `prefix` counts
    std::optional<Prefix> prefix;
    std::uint16_t port = 0;  // 0: any
  };
  static std::optional<Exception> parse_exception(std::string_view item);

  std::shared_ptr<const HttpProxy> proxy_;
  std::vector<Exception> exceptions_;
  bool never_ = false;  // "*"
};

// Asks the proxy at the other end of `stream` for a connection to `to`. `done` is called once, from
// the loop, with the stream, not started. The destructor cancels.
class ProxyTunnel {
 public:
  using Done = std::function<void(Result<std::unique_ptr<ByteStream>>)>;
  ProxyTunnel(Loop& loop, std::unique_ptr<ByteStream> stream,
              std::shared_ptr<const HttpProxy> proxy, const HostPort& to, Done done);
  ~ProxyTunnel();
  ProxyTunnel(const ProxyTunnel&) = delete;
  ProxyTunnel& operator=(const ProxyTunnel&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

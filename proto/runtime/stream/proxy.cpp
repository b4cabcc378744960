#include "proto/runtime/stream/proxy.hpp"
#include "proto/core/ascii.hpp"
#include "proto/core/host_port.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "proto/http/url.hpp"
#include "proto/runtime/stream/http_reader.hpp"

namespace culvert::runtime {
namespace {

tl::unexpected<Error> bad_url(const std::string& named_by) {
  return fail(ErrorCode::kInvalid, named_by +
                                       " is not a proxy's URL; write http://HOST:PORT or "
                                       "http://USER:PASSWORD@HOST:PORT, and what is special in "
                                       "USER or PASSWORD as %XX");
}

// Percent-decodes (RFC 3986 §2.1). Nothing: a broken escape, or a character that a user-pass
// (RFC 7617) cannot have.
std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const auto byte =
          i + 2 < text.size() ? from_hex(to_lower(text.substr(i + 1, 2))) : std::nullopt;
      if (!byte) return std::nullopt;
      c = static_cast<char>(byte->front());
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return std::nullopt;
    out += c;
  }
  return out;
}

std::optional<std::string> basic_credentials(std::string_view user_info) {
  const auto colon = std::min(user_info.find(':'), user_info.size());
  const auto user = percent_decode(user_info.substr(0, colon));
  const auto password = percent_decode(user_info.substr(std::min(colon + 1, user_info.size())));
  if (!user || !password || user->find(':') != std::string::npos) return std::nullopt;
  return "Basic " + to_base64(view(*user + ":" + *password));
}

std::string_view environment(const char* name, const char* also) {
  for (const char* each : {name, also}) {
    if (const char* value = std::getenv(each); value != nullptr && *value != '\0') return value;
  }
  return {};
}

std::string shown(const HttpProxy& proxy) { return "the proxy " + format(proxy.at); }

Error refused(const HttpProxy& proxy, const HostPort& to, int status) {
  const auto code = " (" + std::to_string(status) + ")";
  const bool about_user = status == 407 || status == 401;  // some proxies (tinyproxy) answer 401
  if (about_user && proxy.credentials.empty()) {
    return {ErrorCode::kDenied, shown(proxy) + " wants a name and a password" + code + ": set " +
                                    proxy.named_by + " to http://USER:PASSWORD@HOST:PORT"};
  }
  if (about_user) {
    return {ErrorCode::kDenied, shown(proxy) + " refuses the name or the password" + code +
                                    ": correct them in " + proxy.named_by};
  }
  if (status >= 400 && status < 500) {
    return {ErrorCode::kDenied, shown(proxy) + " does not allow a connection to " + format(to) +
                                    code + ": have it allowed there, or name the host in NO_PROXY"};
  }
  if (status >= 500) {
    return {ErrorCode::kUnavailable, shown(proxy) + " cannot reach " + format(to) + code +
                                         ": check that it may, and that the address is right"};
  }
  return {ErrorCode::kInvalid,
          shown(proxy) + " does not understand CONNECT" + code + ": check " + proxy.named_by};
}

Error no_answer(const HttpProxy& proxy, const Error& why) {
  if (why.code == ErrorCode::kInvalid || why.code == ErrorCode::kExhausted) {
    return {ErrorCode::kInvalid, "what answers at " + format(proxy.at) +
                                     " is not an HTTP proxy: check " + proxy.named_by};
  }
  if (why.code == ErrorCode::kTimeout) {
    return {why.code, shown(proxy) + " does not answer: check " + proxy.named_by};
  }
  return {ErrorCode::kUnavailable,
          shown(proxy) + " closed the connection without an answer: check " + proxy.named_by};
}

}  // namespace

Result<HttpProxy> parse_proxy(std::string_view url, std::string named_by) {
  if (url.size() > kMaxProxyText) return bad_url(named_by);
  const auto scheme_end = url.find("://");
  const bool has_scheme = scheme_end != std::string_view::npos;
  const auto scheme = has_scheme ? to_lower(url.substr(0, scheme_end)) : "http";
  if (scheme.starts_with("socks")) {
    return fail(ErrorCode::kInvalid, named_by +
                                         " names a SOCKS proxy; only HTTP proxies (http:// "
                                         "or https://) are supported");
  }
  if (scheme != "http" && scheme != "https") return bad_url(named_by);
  auto rest = has_scheme ? url.substr(scheme_end + 3) : url;
  if (rest.ends_with('/')) rest.remove_suffix(1);
  // A path, or an unescaped '/' in a password: the begin of the host would be a guess.
  if (rest.find_first_of("/?#") != std::string_view::npos) return bad_url(named_by);
  HttpProxy out;
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    auto credentials = basic_credentials(rest.substr(0, at));
    if (!credentials) return bad_url(named_by);
    out.credentials = std::move(*credentials);
    rest.remove_prefix(at + 1);
  }
  auto parsed = http::parse_url(scheme + "://" + std::string(rest) + "/");
  if (!parsed || parsed->host.empty() || parsed->port == 0) return bad_url(named_by);
  out.at = {std::move(parsed->host), parsed->port};
  out.named_by = std::move(named_by);
  if (parsed->tls) {
    TlsClientOptions options;
    options.server_name = out.at.host;
    auto made = TlsClientContext::make(std::move(options));
    if (!made) return fail_with(made.error());
    out.tls = std::move(*made);
  }
  return out;
}

ProxyRules::ProxyRules(HttpProxy proxy, std::string_view except)
    : proxy_(std::make_shared<const HttpProxy>(std::move(proxy))) {
  while (!except.empty()) {
    const auto end = std::min(except.find_first_of(", \t"), except.size());
    const auto item = except.substr(0, end);
    except.remove_prefix(std::min(end + 1, except.size()));
    if (item == "*") never_ = true;
    if (auto exception = parse_exception(item)) exceptions_.push_back(std::move(*exception));
  }
}

// An item that cannot be parsed excepts nothing, as in other programs that read NO_PROXY.
std::optional<ProxyRules::Exception> ProxyRules::parse_exception(std::string_view item) {
  Exception out;
  if (const auto prefix = parse_prefix(item)) {
    out.prefix = prefix;
    return out;
  }
  if (const auto with_port = parse_host_port(item)) {
    out.port = with_port->port;
    out.name = to_lower(with_port->host);
  } else {
    out.name = to_lower(item);
  }
  if (out.name.size() > 2 && out.name.front() == '[' && out.name.back() == ']') {
    out.name = out.name.substr(1, out.name.size() - 2);
  }
  if (const auto address = parse_address(out.name)) {
    out.prefix = Prefix::host(*address);
    out.name.clear();
    return out;
  }
  if (out.name.starts_with("*.")) out.name.erase(0, 1);
  if (out.name.starts_with('.')) out.name.erase(0, 1);
  if (out.name.empty()) return std::nullopt;
  return out;
}

Result<ProxyRules> ProxyRules::from_environment() {
  const auto url = environment("https_proxy", "HTTPS_PROXY");
  return from_setting(url, "HTTPS_PROXY");
}

Result<ProxyRules> ProxyRules::from_setting(std::string_view url, std::string named_by) {
  if (url.empty()) return ProxyRules();
  auto proxy = parse_proxy(url, std::move(named_by));
  if (!proxy) return fail_with(proxy.error());
  const auto except = environment("no_proxy", "NO_PROXY").substr(0, kMaxProxyText);
  return ProxyRules(std::move(*proxy), except);
}

std::shared_ptr<const HttpProxy> ProxyRules::proxy_for(const HostPort& to) const {
  if (!proxy_ || never_) return nullptr;
  const auto host = to_lower(to.host);
  const auto address = parse_address(host);
  if (host == "localhost" || (address && address->is_loopback())) return nullptr;
  const bool excepted =
      std::any_of(exceptions_.begin(), exceptions_.end(), [&](const Exception& exception) {
        if (exception.port != 0 && exception.port != to.port) return false;
        if (exception.prefix) return address && exception.prefix->contains(*address);
        return host == exception.name || host.ends_with("." + exception.name);
      });
  return excepted ? nullptr : proxy_;
}

std::string ProxyRules::describe() const {
  return proxy_ ? format(proxy_->at) + " (" + proxy_->named_by + ")" : std::string();
}

struct ProxyTunnel::Impl {
  std::shared_ptr<HeadReader<http::ResponseHead>> reader;
};

ProxyTunnel::ProxyTunnel(Loop& loop, std::unique_ptr<ByteStream> stream,
                         std::shared_ptr<const HttpProxy> proxy, const HostPort& to, Done done)
    : impl_(std::make_shared<Impl>()) {
  http::RequestHead request{"CONNECT", format(to), {{"Host", format(to)}}};
  if (!proxy->credentials.empty()) request.headers.add("Proxy-Authorization", proxy->credentials);
  impl_->reader = std::make_shared<HeadReader<http::ResponseHead>>(
      loop, std::move(stream),
      [weak = std::weak_ptr<Impl>(impl_), proxy = std::move(proxy), to,
       done = std::move(done)](Result<http::ResponseHead> head) {
        const auto self = weak.lock();
        if (!self) return;
        if (!head) {
          done(fail_with(no_answer(*proxy, head.error())));
        } else if (head->status < 200 || head->status > 299) {
          done(fail_with(refused(*proxy, to, head->status)));
        } else {
          done(std::unique_ptr<ByteStream>(std::move(self->reader->stream)));
        }
      },
      kProxyTimeout);
  impl_->reader->stream->write(view(render(request)));
  impl_->reader->begin();
}
ProxyTunnel::~ProxyTunnel() = default;

}  // namespace culvert::runtime

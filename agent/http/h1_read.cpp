#include <algorithm>
#include <optional>
#include <set>

#include "agent/http/h1_head.hpp"
#include "agent/http/names.hpp"
#include "proto/core/ascii.hpp"
#include "proto/http/path.hpp"

namespace culvert::http {

namespace {

constexpr std::size_t kMaxLengthDigits = 18;  // digits of a Content-Length

tl::unexpected<Error> bad(const char* why) {
  return fail(ErrorCode::kInvalid, std::string("HTTP: ") + why);
}
tl::unexpected<Refusal> refused(int status, std::string why) {
  return fail_with(Refusal{status, std::move(why)});
}

Result<std::uint64_t> parse_length(std::string_view text) {
  const bool digits =
      !text.empty() && text.size() <= kMaxLengthDigits &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return bad("a Content-Length that is not a plain number");
  std::uint64_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value;
}

// The framing that the headers state; nothing when they state none.
Result<std::optional<Framing>> stated_framing(const HttpHeaders& headers) {
  const auto lengths = headers.count("Content-Length");
  const auto codings = headers.count("Transfer-Encoding");
  if (lengths > 1 || codings > 1) return bad("several Content-Length or Transfer-Encoding");
  if (lengths == 1 && codings == 1) return bad("both Content-Length and Transfer-Encoding");
  if (codings == 1) {
    if (!same_word(headers.one("Transfer-Encoding"), "chunked")) {
      return bad("a Transfer-Encoding other than chunked");
    }
    return Framing{Framing::Kind::kChunked, 0};
  }
  if (lengths == 0) return std::nullopt;
  const auto length = parse_length(headers.one("Content-Length"));
  if (!length) return fail_with(length.error());
  return Framing{Framing::Kind::kLength, *length};
}

// The options of Connection, folded (fold()). An option that names an end-to-end header which must
// not be dropped is refused.
Result<std::set<std::string>> connection_options(const HttpHeaders& headers) {
  std::set<std::string> out;
  for (const auto element : headers.elements("Connection")) {
    const auto option = fold(element);
    if (is_reserved(option) || is_framing(option) || option == "authorization" ||
        option == "cookie") {
      return bad("Connection names a header that is not of the connection");
    }
    out.insert(option);
  }
  return out;
}

// The headers that are passed on. A name that folds to a framing name but is spelled in another way
// ("Content_Length") is refused: an upstream may take it for the framing.
Result<HttpHeaders> end_to_end(const HttpHeaders& headers, const std::set<std::string>& options) {
  HttpHeaders out;
  for (const auto& [name, value] : headers.list()) {
    const std::string folded = fold(name);
    if (is_framing(folded)) {
      if (!same_word(name, folded)) return bad("a header that looks like one of the framing");
      continue;
    }
    if (is_hop_by_hop(folded) || options.contains(folded)) continue;
    out.add(name, value);
  }
  return out;
}

template <class Passes>
HttpHeaders only(const HttpHeaders& headers, Passes passes) {
  HttpHeaders out;
  for (const auto& [name, value] : headers.list()) {
    if (passes(fold(name))) out.add(name, value);
  }
  return out;
}

// Adds to `out` the announcement of trailers (Trailer, RFC 9110 §6.6.2) as one header, which names
// only the fields that `passes` lets go on as trailers. The message must be chunked: no other
// framing carries trailers in HTTP/1.1.
template <class Passes>
void announce_trailers(const HttpHeaders& headers, Passes passes, HttpHeaders& out) {
  std::string announced;
  for (const auto field : headers.elements("Trailer")) {
    if (!is_token(field) || !passes(fold(field))) continue;
    if (!announced.empty()) announced += ", ";
    announced += field;
  }
  if (!announced.empty()) out.add("Trailer", std::move(announced));
}

bool passes_as_request_trailer(std::string_view folded) {
  return !is_forbidden_trailer(folded) && !is_reserved(folded);
}
bool passes_as_response_trailer(std::string_view folded) { return !is_forbidden_trailer(folded); }

HttpHeaders without_reserved(const HttpHeaders& headers) {
  return only(headers, [](std::string_view folded) { return !is_reserved(folded); });
}

bool is_host_name(std::string_view text) {
  const bool characters = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  const auto last = text.substr(text.rfind('.') + 1);  // without a dot: the whole text (npos + 1)
  const bool address = !last.empty() && last.find_first_not_of("0123456789") == std::string::npos;
  return characters && !text.empty() && text.size() <= 253 && text.front() != '.' &&
         text.back() != '.' && text.find("..") == std::string_view::npos && !address;
}

// Parses host [":" port] and returns the host in lower case. The port must be valid; its value is
// ignored.
Result<std::string> parse_host(std::string_view value) {
  std::string host(value.substr(0, value.find(':')));
  if (host.size() < value.size()) {
    const auto port = value.substr(host.size() + 1);
    const auto number = parse_length(port);
    if (!number || port.size() > 5 || *number == 0 || *number > 65535) return bad("a bad Host");
  }
  host = to_lower(host);
  if (!is_host_name(host)) return bad("a bad Host: a name is wanted");
  return host;
}

// The path and query of a target. The authority of an absolute-form target must be the Host.
Result<std::string_view> origin_form(std::string_view target, std::string_view host) {
  if (target.starts_with('/')) return target;
  const auto scheme = target.find("://");
  if (scheme == std::string_view::npos) return bad("the target is not a path");
  if (!same_word(target.substr(0, scheme), "https") &&
      !same_word(target.substr(0, scheme), "http")) {
    return bad("a target of another scheme");
  }
  const auto rest = target.substr(scheme + 3);
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) return bad("a target without a path");
  const auto named = parse_host(rest.substr(0, slash));
  if (!named || *named != host) return bad("the target names another host than Host does");
  return rest.substr(slash);
}

Status read_target(std::string_view target, Request& out) {
  const auto origin = origin_form(target, out.host);
  if (!origin) return fail_with(origin.error());
  const auto question = origin->find('?');
  auto path = normal_path(origin->substr(0, question));
  if (!path) return fail_with(path.error());
  out.path = std::move(*path);
  if (question != std::string_view::npos) out.query = origin->substr(question);
  if (out.query.find('#') != std::string::npos) return bad("a fragment in the target");
  return {};
}

bool may_upgrade_to(std::string_view protocol) {  // never h2c: it would bypass the parser
  return same_word(protocol, "websocket") || same_word(protocol, "SPDY/3.1");
}

Result<void, Refusal> read_connection(const RequestHead& head, Request& out) {
  auto options = connection_options(head.headers);
  if (!options) return refused(400, options.error().message);
  out.keep_alive = !options->contains("close");
  const auto upgrade = head.headers.one("Upgrade");
  if (options->contains("upgrade") && may_upgrade_to(upgrade)) out.upgrade = upgrade;
  auto headers = end_to_end(head.headers, *options);
  if (!headers) return refused(400, headers.error().message);
  out.headers = without_reserved(*headers);
  if (out.body.kind == Framing::Kind::kChunked && !options->contains("trailer")) {
    announce_trailers(head.headers, passes_as_request_trailer, out.headers);
  }
  out.accepts_trailers = head.headers.has_token("TE", "trailers");
  const auto expected = head.headers.count("Expect");
  out.expect_continue = expected == 1 && same_word(head.headers.one("Expect"), "100-continue");
  if (expected != 0 && !out.expect_continue) return refused(417, "an Expect that is not known");
  return {};
}

}  // namespace

Result<Request, Refusal> read_request(const RequestHead& head) {
  Request out;
  out.method = head.method;
  if (out.method.size() > kMaxMethod) return refused(400, "a method that long is not known");
  if (out.method == "CONNECT" || out.method == "TRACE") return refused(405, "not served here");
  if (head.target.size() > kMaxTarget) return refused(414, "the target is too long");
  if (head.headers.count("Host") != 1) return refused(400, "not exactly one Host");
  auto host = parse_host(head.headers.one("Host"));
  if (!host) return refused(400, host.error().message);
  out.host = std::move(*host);
  if (auto ok = read_target(head.target, out); !ok) return refused(400, ok.error().message);
  auto framing = stated_framing(head.headers);
  if (!framing) return refused(400, framing.error().message);
  out.body = framing->value_or(Framing{});
  if (auto ok = read_connection(head, out); !ok) return fail_with(ok.error());
  const bool has_body = out.body.has_body();
  if (!out.upgrade.empty() && has_body) return refused(400, "an upgrade with a body");
  if (!has_body) out.expect_continue = false;
  return out;
}

Result<Response> read_response(const ResponseHead& head, const Request& request) {
  Response out;
  out.status = head.status;
  out.reason = head.reason;
  auto framing = stated_framing(head.headers);
  if (!framing) return fail_with(framing.error());
  auto options = connection_options(head.headers);
  if (!options) return fail_with(options.error());
  auto headers = end_to_end(head.headers, *options);
  if (!headers) return fail_with(headers.error());
  out.headers = std::move(*headers);
  out.keep_alive = !head.http10 && !options->contains("close");
  const bool chunked = *framing && (*framing)->kind == Framing::Kind::kChunked;
  if (head.http10 && chunked) return bad("a chunked answer of HTTP/1.0");
  if (head.status < 200) {
    if (*framing) return bad("an interim answer with a body");
    const bool granted = !request.upgrade.empty() && options->contains("upgrade") &&
                         same_word(head.headers.one("Upgrade"), request.upgrade);
    if (head.status == 101 && !granted) return bad("a 101 that nobody asked for");
    return out;
  }
  if (request.method == "HEAD" || head.status == 304) {
    const auto length = head.headers.one("Content-Length");
    if (!length.empty()) out.headers.add("Content-Length", std::string(length));
  } else if (head.status != 204) {
    out.body = framing->value_or(Framing{Framing::Kind::kUntilClose, 0});
    if (chunked && !options->contains("trailer")) {
      announce_trailers(head.headers, passes_as_response_trailer, out.headers);
    }
  }
  return out;
}

HttpHeaders request_trailers(const HttpHeaders& trailers) {
  return only(trailers, passes_as_request_trailer);
}
HttpHeaders response_trailers(const HttpHeaders& trailers) {
  return only(trailers, passes_as_response_trailer);
}

}  // namespace culvert::http

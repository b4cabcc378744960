#include "proto/http/head.hpp"
#include "proto/core/ascii.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace culvert::http {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// tchar of RFC 9110 §5.6.2.
bool is_token_char(char c) {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}
// field-value: visible characters, obs-text, spaces and tabs inside.
bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

tl::unexpected<Error> bad(const char* why, ErrorCode code = ErrorCode::kInvalid) {
  return fail(code, std::string("HTTP: ") + why);
}

HttpHeaders& headers_of(HttpHeaders& head) { return head; }
template <class Head>
HttpHeaders& headers_of(Head& head) {
  return head.headers;
}

bool parse_start_line(std::string_view line, RequestHead& out) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  const auto target = line.substr(first + 1, last - first - 1);
  out.method = line.substr(0, first);
  out.target = target;
  return is_token(out.method) && !target.empty() && is_visible(target) &&
         line.substr(last + 1) == "HTTP/1.1";
}

bool parse_start_line(std::string_view line, ResponseHead& out) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  out.http10 = line.starts_with("HTTP/1.0 ");
  if (!line.starts_with(kVersion) && !out.http10) return false;
  line.remove_prefix(kVersion.size());
  if (line.size() < 3 || !std::all_of(line.begin(), line.begin() + 3, is_digit)) return false;
  out.status = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  if (out.status < 100 || out.status > 599) return false;
  if (line.size() > 3 && line[3] != ' ') return false;
  out.reason = line.size() > 4 ? line.substr(4) : std::string_view();
  return is_value(out.reason);
}

Status parse_header(std::string_view line, std::size_t most, HttpHeaders& out) {
  if (line.front() == ' ' || line.front() == '\t') return bad("a folded header");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return bad("a header without a colon");
  const auto name = line.substr(0, colon);
  const auto value = trim(line.substr(colon + 1));
  if (!is_token(name)) return bad("a bad header name");
  if (!is_value(value)) return bad("a control character in a header");
  if (out.list().size() >= most) return bad("too many headers", ErrorCode::kExhausted);
  out.add(std::string(name), std::string(value));
  return {};
}

// The end of the line at `seen`; nothing when the line is not complete. A bare CR or LF is an
// error. Moves `seen` past the bytes that were searched.
Result<std::optional<std::size_t>> end_of_line(std::string_view all, std::size_t& seen) {
  seen = std::min(all.find_first_of("\r\n", seen), all.size());
  if (seen == all.size()) return std::nullopt;
  if (all[seen] == '\n') return bad("a bare LF");
  if (seen + 1 == all.size()) return std::nullopt;
  if (all[seen + 1] != '\n') return bad("a bare CR");
  return seen;
}

// A trailer section (HttpHeaders) has no start line.
bool parse_start_line(std::string_view, HttpHeaders&) { return false; }

template <class Head>
Result<ParsedHead<Head>> parse_head(ByteView bytes, const HeadLimits& limits) {
  HeadParser<Head> parser(limits);
  const auto size = parser.parse(bytes);
  if (!size) return fail_with(size.error());
  if (*size == 0) return ParsedHead<Head>{};
  return ParsedHead<Head>{*size, parser.take()};
}

void render_headers(const HttpHeaders& headers, std::string& out) {
  for (const auto& [name, value] : headers.list()) out += name + ": " + value + "\r\n";
  out += "\r\n";
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

std::string reason_of(int status) {
  static constexpr std::pair<int, std::string_view> kReasons[] = {
      {101, "Switching Protocols"}, {200, "OK"},
      {204, "No Content"},          {400, "Bad Request"},
      {403, "Forbidden"},           {404, "Not Found"},
      {405, "Method Not Allowed"},  {408, "Request Timeout"},
      {413, "Content Too Large"},   {414, "URI Too Long"},
      {417, "Expectation Failed"},  {421, "Misdirected Request"},
      {426, "Upgrade Required"},    {431, "Request Header Fields Too Large"},
      {502, "Bad Gateway"},         {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
  };
  for (const auto& [known, reason] : kReasons) {
    if (known == status) return std::string(reason);
  }
  return status < 400 ? "Done" : status < 500 ? "Refused" : "Failed";
}

template <class Head>
Result<std::size_t> HeadParser<Head>::parse(ByteView so_far) {
  const auto all = text(so_far.first(std::min(so_far.size(), limits_.size)));
  for (;;) {
    const auto end = end_of_line(all, seen_);
    if (!end) return fail_with(end.error());
    if (!*end && so_far.size() >= limits_.size) {
      return bad("the head is too long", ErrorCode::kExhausted);
    }
    if (!*end) return std::size_t{0};
    const auto line = all.substr(line_, **end - line_);
    const bool first = line_ == 0 && !std::is_same_v<Head, HttpHeaders>;
    line_ = seen_ = **end + 2;
    if (first) {
      if (!parse_start_line(line, head_)) return bad("a bad first line");
    } else if (line.empty()) {
      return line_;
    } else if (auto ok = parse_header(line, limits_.headers, headers_of(head_)); !ok) {
      return fail_with(ok.error());
    }
  }
}

template <class Head>
Head HeadParser<Head>::take() {
  line_ = seen_ = 0;
  return std::exchange(head_, {});
}

template class HeadParser<RequestHead>;
template class HeadParser<ResponseHead>;
template class HeadParser<HttpHeaders>;

std::string_view HttpHeaders::one(std::string_view name) const {
  std::string_view found;
  for (const auto& [key, value] : list_) {
    if (!same_word(key, name)) continue;
    if (!found.empty()) return {};
    found = value;
  }
  return found;
}

std::size_t HttpHeaders::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(
      list_.begin(), list_.end(), [&](const auto& entry) { return same_word(entry.first, name); }));
}

std::vector<std::string_view> HttpHeaders::elements(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : list_) {
    if (!same_word(key, name)) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const auto comma = std::min(rest.find(','), rest.size());
      const auto element = trim(rest.substr(0, comma));
      if (!element.empty()) out.push_back(element);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return out;
}

bool HttpHeaders::has_token(std::string_view name, std::string_view token) const {
  const auto all = elements(name);
  return std::any_of(all.begin(), all.end(),
                     [&](std::string_view element) { return same_word(element, token); });
}

Result<ParsedHead<RequestHead>> parse_request_head(ByteView bytes, const HeadLimits& limits) {
  return parse_head<RequestHead>(bytes, limits);
}
Result<ParsedHead<ResponseHead>> parse_response_head(ByteView bytes, const HeadLimits& limits) {
  return parse_head<ResponseHead>(bytes, limits);
}
Result<ParsedHead<HttpHeaders>> parse_trailers(ByteView bytes, const HeadLimits& limits) {
  return parse_head<HttpHeaders>(bytes, limits);
}

std::string render(const RequestHead& head) {
  std::string out = head.method + " " + head.target + " HTTP/1.1\r\n";
  render_headers(head.headers, out);
  return out;
}
std::string render(const ResponseHead& head) {
  std::string out = "HTTP/1.1 " + std::to_string(head.status) + " " + head.reason + "\r\n";
  render_headers(head.headers, out);
  return out;
}

}  // namespace culvert::http

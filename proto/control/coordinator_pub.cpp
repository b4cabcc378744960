#include "proto/control/coordinator_pub.hpp"

#include <algorithm>
#include <optional>

namespace culvert::control {
namespace {

constexpr std::string_view kFirstLine = "culvert/coordinator/v1";
constexpr std::size_t kMaxUrl = 300;

// Takes "name: value\n" off the front of `text`. Nothing: another line comes first.
std::optional<std::string_view> take(std::string_view& text, std::string_view name) {
  if (!text.starts_with(name) || !text.substr(name.size()).starts_with(": ")) return std::nullopt;
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const auto start = name.size() + 2;
  const auto value = text.substr(start, end - start);
  text.remove_prefix(end + 1);
  return value;
}

}  // namespace

bool is_coordinator_url(std::string_view url) {
  if (url.size() > kMaxUrl) return false;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!url.starts_with(scheme)) continue;
    const auto host = url.substr(scheme.size());
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' ||
             c == '[' || c == ']';
    });
  }
  return false;
}

Result<CoordinatorPub> CoordinatorPub::parse(std::string_view file) {
  const auto bad = [](std::string_view what) {
    return fail(ErrorCode::kInvalid, "coordinator.pub: " + std::string(what) +
                                         "; make it with culvert-coordinator init");
  };
  auto rest = file;
  if (!rest.starts_with(kFirstLine) || !rest.substr(kFirstLine.size()).starts_with("\n")) {
    return bad("the first line is not " + std::string(kFirstLine));
  }
  rest.remove_prefix(kFirstLine.size() + 1);
  CoordinatorPub out;
  while (const auto url = take(rest, "url")) {
    if (!is_coordinator_url(*url)) return bad("not a URL of a coordinator");
    out.urls.emplace_back(*url);
  }
  if (out.urls.empty() || out.urls.size() > kMaxCoordinatorUrls) return bad("1 to 8 url lines");
  const auto control = take(rest, "control");
  const auto key = control ? crypto::parse_x25519(*control) : std::nullopt;
  if (!key) return bad("no good control key");
  out.control.bytes = *key;
  for (const auto& [name, to] :
       {std::pair{"lease", &out.lease}, std::pair{"ticket", &out.ticket}}) {
    const auto value = take(rest, name);
    const auto parsed = value ? crypto::parse_ed25519(*value) : std::nullopt;
    if (!parsed) return bad("no good " + std::string(name) + " key");
    *to = *parsed;
  }
  if (out.render() != file) return bad("there is text after the last line");
  return out;
}

std::string CoordinatorPub::render() const {
  std::string out(kFirstLine);
  for (const auto& url : urls) out += "\nurl: " + url;
  out += "\ncontrol: " + crypto::format_x25519(control.view());
  out += "\nlease: " + crypto::format_ed25519(lease);
  out += "\nticket: " + crypto::format_ed25519(ticket) + "\n";
  return out;
}

}  // namespace culvert::control

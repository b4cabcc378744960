#include "proto/trust/statements/places.hpp"

#include <algorithm>
#include <set>

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

constexpr std::uint64_t kMaxSerial = std::uint64_t{1} << 53U;

std::optional<CoordinatorEntry> parse_coordinator(std::string_view text) {
  const auto words = split_words(text, 2);
  if (words.empty() || !valid_url(words[0])) return std::nullopt;
  const auto key = crypto::parse_x25519(words[1]);
  if (!key) return std::nullopt;
  return CoordinatorEntry{std::string(words[0]), {*key}};
}

std::optional<RelayEntry> parse_relay(std::string_view text) {
  const auto words = split_words(text, 4);
  if (words.empty() || !valid_host(words[0])) return std::nullopt;
  const auto port = parse_number(words[1]);
  const auto key = crypto::parse_x25519(words[2]);
  const auto certificate = parse_hash(words[3]);
  if (!port || *port == 0 || *port > 65535 || !key || !certificate) return std::nullopt;
  return RelayEntry{std::string(words[0]), static_cast<std::uint16_t>(*port), {*key}, *certificate};
}

void read_coordinators(FieldReader& in, Places& places) {
  std::set<std::string> urls;
  while (in.next_is("coordinator")) {
    places.coordinators.push_back(in.field("coordinator", parse_coordinator));
    in.require(urls.insert(places.coordinators.back().url).second, "coordinator", "stands twice");
    in.require(places.coordinators.size() <= kMaxCoordinators, "coordinator", "stands too often");
  }
  in.require(!places.coordinators.empty(), "coordinator", "is missing");
}

}  // namespace

bool valid_host(std::string_view host) {
  if (Label::parse(host) || Fqdn::parse(host)) return true;
  const auto address = parse_address(host);
  return address && format(*address) == host;
}

bool valid_url(std::string_view url) {
  const auto scheme = url.starts_with("https://") ? 8U : url.starts_with("http://") ? 7U : 0U;
  if (scheme == 0 || url.size() > 255) return false;
  const auto authority = url.substr(scheme);
  return !authority.empty() && std::all_of(authority.begin(), authority.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("-.:[]").find(c) != std::string_view::npos;
  });
}

Result<Places> Places::parse(std::string_view text) {
  FieldReader in(text, kType);
  Places out;
  out.vendor_id = in.vendor_id();
  out.serial = in.number("serial", 1, kMaxSerial);
  out.issued = in.time("issued");
  out.expires = in.time("expires");
  in.require(out.issued < out.expires, "expires", "is not after issued");
  read_coordinators(in, out);
  out.relays = in.sorted("relay", 0, kMaxPlaceRelays, parse_relay);
  return in.finish(std::move(out));
}

std::string Places::render() const {
  FieldWriter out(kType);
  out.hash("vendor-id", vendor_id.view()).number("serial", serial);
  out.time("issued", issued).time("expires", expires);
  out.each("coordinator", coordinators, [](const CoordinatorEntry& entry) {
    return entry.url + " " + crypto::format_x25519(entry.key.view());
  });
  out.each("relay", relays, [](const RelayEntry& relay) {
    return relay.host + " " + std::to_string(relay.port) + " " +
           crypto::format_x25519(relay.key.view()) + " " + format_hash(relay.certificate.view());
  });
  return out.take();
}

}  // namespace culvert::trust

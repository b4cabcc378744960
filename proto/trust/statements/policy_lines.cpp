#include "proto/trust/statements/policy_lines.hpp"

#include "proto/core/endpoint.hpp"
#include "proto/trust/statements/fields.hpp"
#include "proto/trust/statements/policy.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::trust {
namespace {

// "group=engineers" → "engineers"; empty where the word has another key.
std::string_view value_of(std::string_view word, std::string_view key) {
  return word.starts_with(key) ? word.substr(key.size()) : std::string_view{};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number(text);
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

std::optional<std::vector<std::uint16_t>> parse_ports(std::string_view text) {
  std::vector<std::uint16_t> out;
  while (out.size() < kMaxServicePorts) {
    const auto comma = text.find(',');
    const auto port = parse_port(text.substr(0, comma));
    if (!port || (!out.empty() && out.front() == *port)) return std::nullopt;
    out.push_back(*port);
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> parse_approvers(std::string_view text) {
  const auto count = parse_number(text);
  if (!count || *count > kMaxRootKeys) return std::nullopt;
  return static_cast<std::uint32_t>(*count);
}

std::optional<std::string> parse_scope_word(std::string_view word) {
  const auto scope = value_of(word, "scope=");
  if (!valid_policy_scope(scope)) return std::nullopt;
  return std::string(scope);
}

std::optional<std::chrono::seconds> parse_max(std::string_view word, std::chrono::seconds most) {
  const auto max = parse_seconds(value_of(word, "max="));
  if (!max || max->count() == 0 || *max > most) return std::nullopt;
  return max;
}

std::string format_max(std::chrono::seconds max) {
  return " max=" + std::to_string(max.count()) + "s";
}

bool valid_host(std::string_view host) {
  if (Fqdn::parse(host)) return true;
  const auto address = parse_address(host);
  return address && culvert::format(*address) == host;
}

}  // namespace

Label protocol_label(Protocol protocol) {
  return *Label::parse(protocol == Protocol::kTls ? "tls" : "tcp");
}

std::optional<Protocol> known_protocol(const Label& label) {
  if (label.str() == "tls") return Protocol::kTls;
  if (label.str() == "tcp") return Protocol::kTcp;
  return std::nullopt;
}

std::optional<PolicyService> parse_policy_service(std::string_view text) {
  const auto words = split_words(text, 4);
  if (words.empty()) return std::nullopt;
  const auto name = Fqdn::parse(words[0]);
  const auto protocol = Label::parse(words[1]);
  auto ports = parse_ports(words[2]);
  const auto tag = Label::parse(words[3]);
  if (!name || !protocol || !ports || !tag) return std::nullopt;
  return PolicyService{*name, *protocol, std::move(*ports), *tag};
}

std::string format(const PolicyService& service) {
  std::string ports;
  for (const auto port : service.ports) {
    if (!ports.empty()) ports += ",";
    ports += std::to_string(port);
  }
  return service.name.str() + " " + service.protocol.str() + " " + ports + " " + service.tag.str();
}

std::optional<Allow> parse_allow(std::string_view text) {
  const auto words = split_words(text, 6);
  if (words.empty()) return std::nullopt;
  const auto service = Fqdn::parse(words[0]);
  const auto group = Label::parse(value_of(words[1], "group="));
  const auto max = parse_max(words[2], kMaxGrantTime);
  const auto vendor = parse_approvers(value_of(words[3], "vendor="));
  const auto customer = parse_approvers(value_of(words[4], "customer="));
  auto scope = parse_scope_word(words[5]);
  if (!service || !group || !max || !vendor || !customer || !scope) return std::nullopt;
  if (*vendor + *customer == 0) return std::nullopt;
  return Allow{*service, *group, *max, *vendor, *customer, std::move(*scope)};
}

std::string format(const Allow& allow) {
  return allow.service.str() + " group=" + allow.group.str() + format_max(allow.max) +
         " vendor=" + std::to_string(allow.vendor) + " customer=" + std::to_string(allow.customer) +
         " scope=" + allow.scope;
}

std::optional<PreApproved> parse_pre_approved(std::string_view text) {
  const auto words = split_words(text, 5);
  if (words.empty()) return std::nullopt;
  const auto service = Fqdn::parse(words[0]);
  const auto group = Label::parse(value_of(words[1], "group="));
  const auto max = parse_max(words[2], kMaxPreApproved);
  const auto until = parse_time(value_of(words[3], "until="));
  auto scope = parse_scope_word(words[4]);
  if (!service || !group || !max || !until || !scope) return std::nullopt;
  return PreApproved{*service, *group, *max, *until, std::move(*scope)};
}

std::string format(const PreApproved& line) {
  return line.service.str() + " group=" + line.group.str() + format_max(line.max) +
         " until=" + format_time(line.until) + " scope=" + line.scope;
}

std::optional<Standing> parse_standing(std::string_view text) {
  const auto words = split_words(text, 5);
  if (words.empty()) return std::nullopt;
  const auto service = Fqdn::parse(words[0]);
  const auto identity = crypto::parse_ed25519(words[1]);
  const auto until = parse_time(value_of(words[2], "until="));
  const auto lease = value_of(words[3], "lease=");
  const auto scope = value_of(words[4], "scope=");
  if (!service || !identity || !until || (lease != "required" && lease != "waived")) {
    return std::nullopt;
  }
  if (!valid_grant_scope(scope)) return std::nullopt;
  return Standing{*service, *identity, *until, lease == "required", std::string(scope)};
}

std::string format(const Standing& standing) {
  return standing.service.str() + " " + crypto::format_ed25519(standing.identity) +
         " until=" + format_time(standing.until) +
         " lease=" + (standing.lease_required ? "required" : "waived") + " scope=" + standing.scope;
}

std::optional<PolicyRelay> parse_policy_relay(std::string_view text) {
  const auto words = split_words(text, 4);
  if (words.empty() || !valid_host(words[0])) return std::nullopt;
  const auto port = parse_port(words[1]);
  const auto key = crypto::parse_x25519(words[2]);
  const auto certificate = parse_hash(words[3]);
  if (!port || !key || !certificate) return std::nullopt;
  return PolicyRelay{std::string(words[0]), *port, {*key}, *certificate};
}

std::string format(const PolicyRelay& relay) {
  return relay.host + " " + std::to_string(relay.port) + " " +
         crypto::format_x25519(relay.key.view()) + " " + format_hash(relay.certificate.view());
}

std::optional<Export> parse_export(std::string_view text) {
  const auto words = split_words(text, 4);
  if (words.empty()) return std::nullopt;
  const auto listener = Label::parse(words[0]);
  const auto service = Fqdn::parse(words[1]);
  const auto rate = parse_number(value_of(words[2], "rate="));
  const auto cap = parse_number(value_of(words[3], "cap="));
  if (!listener || !service || !rate || !cap || *rate == 0 || *cap == 0) return std::nullopt;
  return Export{*listener, *service, *rate, *cap};
}

std::string format(const Export& line) {
  return line.listener.str() + " " + line.service.str() + " rate=" + std::to_string(line.rate) +
         " cap=" + std::to_string(line.cap);
}

}  // namespace culvert::trust

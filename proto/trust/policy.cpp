#include "proto/trust/policy.hpp"

#include <algorithm>

#include "proto/trust/fields.hpp"
#include "proto/trust/root.hpp"

namespace culvert::trust {
namespace {

std::optional<Protocol> parse_protocol(std::string_view text) {
  if (text == "tls") return Protocol::kTls;
  if (text == "tcp") return Protocol::kTcp;
  return std::nullopt;
}

std::optional<PolicyService> parse_service(std::string_view text) {
  const auto words = split_words(text, 4);
  if (words.empty()) return std::nullopt;
  const auto name = Fqdn::parse(words[0]);
  const auto protocol = parse_protocol(words[1]);
  const auto port = parse_number(words[2]);
  const auto tag = Label::parse(words[3]);
  if (!name || !protocol || !port || *port == 0 || *port > 65535 || !tag) return std::nullopt;
  return PolicyService{*name, *protocol, static_cast<std::uint16_t>(*port), *tag};
}

std::string format_service(const PolicyService& service) {
  return service.name.str() + " " + std::string(protocol_name(service.protocol)) + " " +
         std::to_string(service.port) + " " + service.tag.str();
}

// "group=engineers" → "engineers"; nothing where the word is another.
std::string_view value_of(std::string_view word, std::string_view key) {
  return word.starts_with(key) ? word.substr(key.size()) : std::string_view{};
}

std::optional<Allow> parse_allow(std::string_view text) {
  const auto words = split_words(text, 6);
  if (words.empty()) return std::nullopt;
  const auto service = Fqdn::parse(words[0]);
  const auto group = Label::parse(value_of(words[1], "group="));
  const auto max = parse_seconds(value_of(words[2], "max="));
  const auto vendor = parse_number(value_of(words[3], "vendor="));
  const auto customer = parse_number(value_of(words[4], "customer="));
  const auto scope = value_of(words[5], "scope=");
  if (!service || !group || !max || !vendor || !customer || !valid_scope(scope)) {
    return std::nullopt;
  }
  if (max->count() == 0 || *max > kMaxGrantTime || *vendor > kMaxRootKeys ||
      *customer > kMaxRootKeys || *vendor + *customer == 0) {
    return std::nullopt;
  }
  return Allow{*service,
               *group,
               *max,
               static_cast<std::uint32_t>(*vendor),
               static_cast<std::uint32_t>(*customer),
               std::string(scope)};
}

std::string format_allow(const Allow& allow) {
  return allow.service.str() + " group=" + allow.group.str() +
         " max=" + std::to_string(allow.max.count()) + "s vendor=" + std::to_string(allow.vendor) +
         " customer=" + std::to_string(allow.customer) + " scope=" + allow.scope;
}

std::optional<Standing> parse_standing(std::string_view text) {
  const auto words = split_words(text, 4);
  if (words.empty()) return std::nullopt;
  const auto service = Fqdn::parse(words[0]);
  const auto identity = crypto::parse_ed25519(words[1]);
  const auto until = parse_time(value_of(words[2], "until="));
  const auto lease = value_of(words[3], "lease=");
  if (!service || !identity || !until || (lease != "required" && lease != "waived")) {
    return std::nullopt;
  }
  return Standing{*service, *identity, *until, lease == "required"};
}

std::string format_standing(const Standing& standing) {
  return standing.service.str() + " " + crypto::format_ed25519(standing.identity) +
         " until=" + format_time(standing.until) +
         " lease=" + (standing.lease_required ? "required" : "waived");
}

// Every service belongs to this site and stands once; every rule speaks of a service that stands
// here.
void check(FieldReader& in, const Policy& policy) {
  for (std::size_t i = 0; i < policy.services.size(); ++i) {
    const auto& name = policy.services[i].name;
    in.require(name.site() == policy.site.name, "service", "is not one label under the site");
    in.require(i == 0 || policy.services[i - 1].name != name, "service", "stands twice");
  }
  for (const auto& allow : policy.allows) {
    in.require(policy.service(allow.service) != nullptr, "allow", "names an unlisted service");
  }
  for (const auto& standing : policy.standings) {
    in.require(policy.service(standing.service) != nullptr, "standing",
               "names an unlisted service");
  }
}

}  // namespace

std::string_view protocol_name(Protocol protocol) {
  return protocol == Protocol::kTls ? "tls" : "tcp";
}

Result<Policy> Policy::parse(std::string_view text) {
  FieldReader in(text, kType);
  Policy out;
  out.site = in.site();
  out.serial = in.number("serial", 1, UINT64_MAX);
  out.previous = in.hash_or("previous", "none");
  in.require(out.previous.has_value() == (out.serial > 1), "previous", "does not fit the serial");
  out.issued = in.time("issued");
  out.lease = in.field("lease", parse_seconds);
  in.require(out.lease.count() >= 1 && out.lease <= kMaxLease, "lease", "must be 1s to 30s");
  out.services = in.sorted("service", 0, kMaxPolicyServices, parse_service);
  out.allows = in.sorted("allow", 0, kMaxAllows, parse_allow);
  out.standings = in.sorted("standing", 0, kMaxStandings, parse_standing);
  check(in, out);
  return in.finish(std::move(out));
}

std::string Policy::render() const {
  FieldWriter out(kType);
  out.site(site).number("serial", serial);
  out.line("previous", previous ? format_hash(previous->view()) : "none").time("issued", issued);
  out.line("lease", std::to_string(lease.count()) + "s");
  out.each("service", services, format_service);
  out.each("allow", allows, format_allow);
  out.each("standing", standings, format_standing);
  return out.take();
}

void Policy::sort() {
  std::sort(services.begin(), services.end());
  std::sort(allows.begin(), allows.end());
  std::sort(standings.begin(), standings.end());
}

const PolicyService* Policy::service(const Fqdn& name) const {
  const auto found = std::find_if(services.begin(), services.end(),
                                  [&](const PolicyService& s) { return s.name == name; });
  return found == services.end() ? nullptr : &*found;
}

}  // namespace culvert::trust

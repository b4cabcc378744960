#include "proto/trust/statements/service.hpp"

#include <algorithm>

#include "proto/trust/statements/fields.hpp"
#include "proto/trust/statements/node.hpp"

namespace culvert::trust {
namespace {

std::optional<Bytes> parse_issuer(std::string_view text) {
  if (text == "none") return Bytes{};
  auto raw = from_base64(text);
  if (!raw || raw->empty() || raw->size() > kMaxIssuerSize) return std::nullopt;
  return raw;
}

}  // namespace

Result<Service> Service::parse(std::string_view text) {
  FieldReader in(text, kType);
  Service out;
  out.site = in.site();
  out.node = in.ed25519("node");
  out.serial = in.number("serial", 1, UINT64_MAX);
  out.issuer = in.field("issuer", parse_issuer);
  out.services = in.sorted("service", 0, kMaxServices, Fqdn::parse);
  for (const auto& name : out.services) {
    in.require(name.site() == out.site.name, "service", "is not one label under the site");
  }
  out.issued = in.time("issued");
  out.expires = in.time("expires");
  in.require(out.issued < out.expires && out.expires - out.issued <= kMaxAgentLife, "expires",
             "is too late, or not after issued");
  return in.finish(std::move(out));
}

std::string Service::render() const {
  FieldWriter out(kType);
  out.site(site).line("node", crypto::format_ed25519(node)).number("serial", serial);
  out.line("issuer", issuer.empty() ? "none" : to_base64(issuer));
  out.each("service", services, [](const Fqdn& name) { return name.str(); });
  out.time("issued", issued).time("expires", expires);
  return out.take();
}

bool Service::serves(const Fqdn& name) const {
  return std::find(services.begin(), services.end(), name) != services.end();
}

}  // namespace culvert::trust

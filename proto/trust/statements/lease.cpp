#include "proto/trust/statements/lease.hpp"

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

std::optional<LeaseNonce> parse_nonce(std::string_view text) {
  const auto raw = from_hex(text);
  if (!raw) return std::nullopt;
  return LeaseNonce::from(*raw);
}

}  // namespace

Result<Lease> Lease::parse(std::string_view text) {
  FieldReader in(text, kType);
  Lease out;
  out.vendor_id = in.vendor_id();
  out.site = in.site();
  out.agent = in.ed25519("agent");
  out.nonce = in.field("nonce", parse_nonce);
  out.documents.vendor_root = in.field("vendor-root", parse_mark);
  out.documents.site_root = in.field("site-root", parse_mark);
  out.documents.policy = in.field("policy", parse_mark);
  out.grants = in.sorted("grant", 0, kMaxLeaseGrants, GrantId::parse);
  return in.finish(std::move(out));
}

std::string Lease::render() const {
  FieldWriter out(kType);
  out.hash("vendor-id", vendor_id.view()).site(site);
  out.line("agent", crypto::format_ed25519(agent)).line("nonce", nonce.hex());
  out.line("vendor-root", format(documents.vendor_root));
  out.line("site-root", format(documents.site_root)).line("policy", format(documents.policy));
  out.each("grant", grants, [](const GrantId& id) { return id.str(); });
  return out.take();
}

}  // namespace culvert::trust

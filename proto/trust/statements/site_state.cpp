#include "proto/trust/statements/site_state.hpp"

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {

Result<SiteState> SiteState::parse(std::string_view text) {
  FieldReader in(text, kType);
  SiteState out;
  out.site = in.site();
  out.agent = in.ed25519("agent");
  out.vendor_root = in.field("vendor-root", parse_mark);
  out.site_root = in.field("site-root", parse_mark);
  out.policy = in.field("policy", parse_mark);
  out.revocations = in.field("revocations", parse_mark);
  out.issued = in.time("issued");
  return in.finish(std::move(out));
}

std::string SiteState::render() const {
  FieldWriter out(kType);
  out.site(site).line("agent", crypto::format_ed25519(agent));
  out.line("vendor-root", format(vendor_root));
  out.line("site-root", format(site_root)).line("policy", format(policy));
  out.line("revocations", format(revocations)).time("issued", issued);
  return out.take();
}

}  // namespace culvert::trust

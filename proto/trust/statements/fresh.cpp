#include "proto/trust/statements/fresh.hpp"

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {

Result<Fresh> Fresh::parse(std::string_view text) {
  FieldReader in(text, kType);
  Fresh out;
  out.site = in.site();
  out.site_root = in.field("site-root", parse_mark);
  out.policy = in.field("policy", parse_mark);
  out.issued = in.time("issued");
  return in.finish(std::move(out));
}

std::string Fresh::render() const {
  FieldWriter out(kType);
  out.site(site).line("site-root", format(site_root)).line("policy", format(policy));
  out.time("issued", issued);
  return out.take();
}

}  // namespace culvert::trust

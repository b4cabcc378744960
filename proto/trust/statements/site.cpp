#include "proto/trust/statements/site.hpp"

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {

Result<Site> Site::parse(std::string_view text) {
  FieldReader in(text, kType);
  Site out;
  out.vendor_id = in.vendor_id();
  out.site = in.site();
  out.issued = in.time("issued");
  return in.finish(std::move(out));
}

std::string Site::render() const {
  FieldWriter out(kType);
  out.hash("vendor-id", vendor_id.view()).site(site).time("issued", issued);
  return out.take();
}

}  // namespace culvert::trust

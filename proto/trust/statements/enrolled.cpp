#include "proto/trust/statements/enrolled.hpp"

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {

Result<Enrolled> Enrolled::parse(std::string_view text) {
  FieldReader in(text, kType);
  Enrolled out;
  out.site = in.site();
  out.enrolment = in.hash("enrolment");
  out.identity = in.ed25519("identity");
  out.name = in.label("name");
  out.issued = in.time("issued");
  return in.finish(std::move(out));
}

std::string Enrolled::render() const {
  FieldWriter out(kType);
  out.site(site).hash("enrolment", enrolment.view());
  out.line("identity", crypto::format_ed25519(identity)).line("name", name.str());
  out.time("issued", issued);
  return out.take();
}

}  // namespace culvert::trust

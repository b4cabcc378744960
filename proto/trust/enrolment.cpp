#include "proto/trust/enrolment.hpp"

#include "proto/trust/fields.hpp"

namespace culvert::trust {

Result<Enrolment> Enrolment::parse(std::string_view text) {
  FieldReader in(text, kType);
  Enrolment out;
  out.site = in.site();
  out.key = in.ed25519("key");
  out.tags = in.sorted("tag", 1, kMaxTags, Label::parse);
  out.root = in.hash("root");
  out.policy_serial = in.number("policy-serial", 0, UINT64_MAX);
  out.not_before = in.time("not-before");
  out.not_after = in.time("not-after");
  in.require(out.not_before < out.not_after && out.not_after - out.not_before <= kMaxEnrolment,
             "not-after", "must be at most 24 h after not-before");
  return in.finish(std::move(out));
}

std::string Enrolment::render() const {
  FieldWriter out(kType);
  out.site(site).line("key", crypto::format_ed25519(key));
  out.each("tag", tags, [](const Label& tag) { return tag.str(); });
  out.hash("root", root.view()).number("policy-serial", policy_serial);
  out.time("not-before", not_before).time("not-after", not_after);
  return out.take();
}

}  // namespace culvert::trust

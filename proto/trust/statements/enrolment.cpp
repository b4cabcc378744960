#include "proto/trust/statements/enrolment.hpp"

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {

Result<Enrolment> Enrolment::parse(std::string_view text) {
  FieldReader in(text, kType);
  Enrolment out;
  out.site = in.site();
  out.key = in.ed25519("key");
  out.nodes = static_cast<std::uint32_t>(in.number("nodes", 1, kMaxEnrolmentNodes));
  out.name = in.label("name");
  in.require(out.nodes == 1 || Label::parse(out.name.str() + "-" + std::to_string(out.nodes - 1)),
             "name", "is too long for a number after it");
  if (in.next_is("replaces")) out.replaces = in.ed25519("replaces");
  in.require(out.nodes == 1 || !out.replaces, "replaces", "goes with one node only");
  out.tags = in.sorted("tag", 1, kMaxTags, Label::parse);
  out.root = in.hash("root");
  out.policy_serial = in.number("policy-serial", 0, UINT64_MAX);
  out.not_before = in.time("not-before");
  out.not_after = in.time("not-after");
  in.require(out.not_before < out.not_after && out.not_after - out.not_before <= kMaxEnrolment,
             "not-after", "must be at most 24 h after not-before");
  out.renew_until = in.time("renew-until");
  in.require(out.not_after <= out.renew_until && out.renew_until - out.not_before <= kMaxRenewal,
             "renew-until", "must be from not-after to 400 days after not-before");
  return in.finish(std::move(out));
}

std::string Enrolment::render() const {
  FieldWriter out(kType);
  out.site(site).line("key", crypto::format_ed25519(key)).number("nodes", nodes);
  out.line("name", name.str());
  if (replaces) out.line("replaces", crypto::format_ed25519(*replaces));
  out.each("tag", tags, [](const Label& tag) { return tag.str(); });
  out.hash("root", root.view()).number("policy-serial", policy_serial);
  out.time("not-before", not_before).time("not-after", not_after);
  out.time("renew-until", renew_until);
  return out.take();
}

bool Enrolment::names(const Label& node) const {
  if (nodes == 1) return node == name;
  const auto before = name.str() + "-";
  if (!node.str().starts_with(before)) return false;
  const auto number = parse_number(std::string_view(node.str()).substr(before.size()));
  return number && *number < nodes;
}

}  // namespace culvert::trust

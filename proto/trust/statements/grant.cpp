#include "proto/trust/statements/grant.hpp"

#include "proto/trust/statements/fields.hpp"
#include "proto/trust/statements/policy.hpp"
#include "proto/trust/statements/scope.hpp"

namespace culvert::trust {
namespace {

std::optional<std::string> parse_scope(std::string_view text) {
  if (!valid_grant_scope(text)) return std::nullopt;
  return std::string(text);
}

std::optional<bool> parse_recording(std::string_view text) {
  if (text == "required") return true;
  if (text == "none") return false;
  return std::nullopt;
}

}  // namespace

Result<Grant> Grant::parse(std::string_view text) {
  FieldReader in(text, kType);
  Grant out;
  out.site = in.site();
  out.id = in.field("grant", GrantId::parse);
  if (in.next_is("extends")) out.extends = in.field("extends", GrantId::parse);
  in.require(out.extends != out.id, "extends", "is the grant itself");
  out.requester = in.person("requester");
  out.device = in.ed25519("device");
  out.service = in.fqdn("service");
  in.require(out.service.site() == out.site.name, "service", "is not one label under the site");
  out.scope = in.field("scope", parse_scope);
  out.reason = in.reason();
  out.recording = in.field("recording", parse_recording);
  out.not_before = in.time("not-before");
  out.not_after = in.time("not-after");
  out.claim_by = in.time("claim-by");
  out.duration = in.field("duration", parse_seconds);
  in.require(out.not_before <= out.claim_by, "claim-by", "is before not-before");
  in.require(out.duration.count() >= 1 && out.duration <= kMaxGrantTime, "duration",
             "must be 1s to 86400s");
  in.require(out.not_after == out.claim_by + out.duration, "not-after",
             "is not claim-by + duration");
  out.policy = in.hash("policy");
  return in.finish(std::move(out));
}

std::string Grant::render() const {
  FieldWriter out(kType);
  out.site(site).line("grant", id.str());
  if (extends) out.line("extends", extends->str());
  out.line("requester", requester.str()).line("device", crypto::format_ed25519(device));
  out.line("service", service.str()).line("scope", scope).line("reason", reason);
  out.line("recording", recording ? "required" : "none");
  out.time("not-before", not_before).time("not-after", not_after).time("claim-by", claim_by);
  out.line("duration", std::to_string(duration.count()) + "s");
  out.hash("policy", policy.view());
  return out.take();
}

}  // namespace culvert::trust

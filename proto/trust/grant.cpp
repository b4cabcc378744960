#include "proto/trust/grant.hpp"

#include "proto/core/utf8.hpp"
#include "proto/trust/fields.hpp"

namespace culvert::trust {
namespace {

constexpr std::size_t kDisplayWidth = 60;
constexpr std::string_view kReasonField = "reason: ";
constexpr std::string_view kReasonPrefix = "  | ";

std::optional<std::string> parse_scope(std::string_view text) {
  if (!valid_scope(text)) return std::nullopt;
  return std::string(text);
}

std::optional<bool> parse_recording(std::string_view text) {
  if (text == "required") return true;
  if (text == "none") return false;
  return std::nullopt;
}

void append_reason(std::string& out, std::string_view reason) {
  out += "reason:\n";
  while (!reason.empty()) {
    const auto before = reason;
    for (std::size_t i = 0; i < kDisplayWidth && take_code_point(reason); ++i) {
    }
    if (reason.size() == before.size()) return;  // not UTF-8: the caller has not parsed it
    out.append(kReasonPrefix).append(before.substr(0, before.size() - reason.size())).append("\n");
  }
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
  in.require(out.not_before < out.not_after, "not-after", "is not after not-before");
  in.require(out.not_before <= out.claim_by && out.claim_by <= out.not_after, "claim-by",
             "is not between not-before and not-after");
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
  out.hash("policy", policy.view());
  return out.take();
}

std::string display_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1);
    const auto line = text.substr(0, end);
    if (line.starts_with(kReasonField)) {
      append_reason(out, line.substr(kReasonField.size()));
    } else {
      out.append(line).append("\n");
    }
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace culvert::trust

#include "proto/trust/statements/lease_question.hpp"

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

std::optional<LeaseNonce> parse_nonce(std::string_view text) {
  const auto raw = from_hex(text);
  if (!raw) return std::nullopt;
  return LeaseNonce::from(*raw);
}

std::optional<AskedGrant> parse_asked(std::string_view text) {
  const auto words = split_words(text, 2);
  if (words.size() != 2) return std::nullopt;
  const auto id = GrantId::parse(words[0]);
  const auto device = crypto::parse_ed25519(words[1]);
  if (!id || !device) return std::nullopt;
  return AskedGrant{*id, IdentityKey{device->bytes}};
}

}  // namespace

Result<LeaseQuestion> LeaseQuestion::parse(std::string_view text) {
  FieldReader in(text, kType, kMaxQuestionSize);
  LeaseQuestion out;
  out.site = in.site();
  out.agent = in.ed25519("agent");
  out.nonce = in.field("nonce", parse_nonce);
  out.revocations = in.field("revocations", parse_mark);
  out.grants = in.sorted("grant", 0, kMaxLeaseGrants, parse_asked);
  return in.finish(std::move(out));
}

std::string LeaseQuestion::render() const {
  FieldWriter out(kType);
  out.site(site).line("agent", crypto::format_ed25519(agent)).line("nonce", nonce.hex());
  out.line("revocations", format(revocations));
  out.each("grant", grants, [](const AskedGrant& asked) {
    return asked.id.str() + " " + crypto::format_ed25519(asked.device);
  });
  return out.take();
}

}  // namespace culvert::trust

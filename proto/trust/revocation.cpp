#include "proto/trust/revocation.hpp"

#include "proto/trust/fields.hpp"

namespace culvert::trust {
namespace {

struct Subject {
  Revokes what = Revokes::kGrant;
  GrantId grant;
  crypto::VerifyKey key;
};

std::optional<Subject> parse_subject(std::string_view text) {
  const auto words = split_words(text, 2);
  if (words.empty()) return std::nullopt;
  if (words[0] == "grant") {
    const auto id = GrantId::parse(words[1]);
    if (!id) return std::nullopt;
    return Subject{Revokes::kGrant, *id, {}};
  }
  const auto key = crypto::parse_ed25519(words[1]);
  if (!key) return std::nullopt;
  if (words[0] == "device") return Subject{Revokes::kDevice, {}, *key};
  if (words[0] == "node") return Subject{Revokes::kNode, {}, *key};
  if (words[0] == "key") return Subject{Revokes::kKey, {}, *key};
  return std::nullopt;
}

std::string format_subject(const Revocation& r) {
  switch (r.what) {
    case Revokes::kGrant:
      return "grant " + r.grant.str();
    case Revokes::kDevice:
      return "device " + crypto::format_ed25519(r.key);
    case Revokes::kNode:
      return "node " + crypto::format_ed25519(r.key);
    case Revokes::kKey:
      return "key " + crypto::format_ed25519(r.key);
  }
  return {};
}

bool site_fits(const Revocation& r) {
  switch (r.what) {
    case Revokes::kGrant:
    case Revokes::kNode:
      return r.site.has_value();
    case Revokes::kDevice:
      return true;
    case Revokes::kKey:
      return !r.site.has_value();
  }
  return false;
}

}  // namespace

Result<Revocation> Revocation::parse(std::string_view text) {
  FieldReader in(text, kType);
  Revocation out;
  out.vendor_id = in.vendor_id();
  if (in.next_is("site")) out.site = in.site();
  const auto subject = in.field("revokes", parse_subject);
  out.what = subject.what;
  out.grant = subject.grant;
  out.key = subject.key;
  in.require(site_fits(out), "revokes", "does not fit the site lines");
  if (out.what == Revokes::kGrant) out.not_after = in.time("not-after");
  out.reason = in.reason();
  out.issued = in.time("issued");
  return in.finish(std::move(out));
}

std::string Revocation::render() const {
  FieldWriter out(kType);
  out.hash("vendor-id", vendor_id.view());
  if (site) out.site(*site);
  out.line("revokes", format_subject(*this));
  if (what == Revokes::kGrant) out.time("not-after", not_after);
  out.line("reason", reason).time("issued", issued);
  return out.take();
}

}  // namespace culvert::trust

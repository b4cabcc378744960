#include "proto/trust/statements/revocation.hpp"

#include <algorithm>
#include <array>

#include "proto/trust/statements/enrolment.hpp"
#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

constexpr std::array<std::string_view, 5> kWords = {"grant", "device", "node", "key", "enrolment"};

std::optional<Revocation> parse_subject(std::string_view text) {
  const auto words = split_words(text, 2);
  if (words.empty()) return std::nullopt;
  const auto word = std::find(kWords.begin(), kWords.end(), words[0]);
  if (word == kWords.end()) return std::nullopt;
  Revocation out;
  out.what = static_cast<Revokes>(word - kWords.begin());
  bool good = false;
  const auto take = [&](auto parsed, auto& into) {
    good = parsed.has_value();
    if (good) into = *parsed;
  };
  switch (out.what) {
    case Revokes::kGrant:
      take(GrantId::parse(words[1]), out.grant);
      break;
    case Revokes::kDevice:
    case Revokes::kNode:
      take(crypto::parse_ed25519(words[1]), out.key);
      break;
    case Revokes::kKey:
      take(crypto::parse_public_key(words[1]), out.key);
      break;
    case Revokes::kEnrolment:
      take(parse_hash(words[1]), out.enrolment);
      break;
  }
  return good ? std::optional(std::move(out)) : std::nullopt;
}

std::string format_subject(const Revocation& r) {
  const auto word = std::string(kWords[static_cast<std::size_t>(r.what)]) + " ";
  if (r.what == Revokes::kGrant) return word + r.grant.str();
  if (r.what == Revokes::kEnrolment) return word + format_hash(r.enrolment.view());
  return word + crypto::format_public_key(r.key);
}

bool site_fits(const Revocation& r) {
  switch (r.what) {
    case Revokes::kGrant:
    case Revokes::kNode:
    case Revokes::kEnrolment:
      return r.site.has_value();
    case Revokes::kDevice:
      return true;
    case Revokes::kKey:
      return !r.site.has_value();
  }
  return false;
}

}  // namespace

IdentityKey Revocation::identity() const {
  const bool has_one = what == Revokes::kDevice || what == Revokes::kNode;
  return has_one && key.ed25519() != nullptr ? *key.ed25519() : IdentityKey{};
}

Result<Revocation> Revocation::parse(std::string_view text) {
  FieldReader in(text, kType);
  Revocation out;
  out.vendor_id = in.vendor_id();
  if (in.next_is("site")) out.site = in.site();
  const auto subject = in.field("revokes", parse_subject);
  out.what = subject.what;
  out.grant = subject.grant;
  out.key = subject.key;
  out.enrolment = subject.enrolment;
  in.require(site_fits(out), "revokes", "does not fit the site lines");
  if (out.what == Revokes::kKey) out.roots = in.sorted("root", 1, kMaxNamedRoots, parse_hash);
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
  out.each("root", roots, [](const Hash& root) { return format_hash(root.view()); });
  if (what == Revokes::kGrant) out.time("not-after", not_after);
  out.line("reason", reason).time("issued", issued);
  return out.take();
}

WallTime matters_until(const Revocation& revocation) {
  switch (revocation.what) {
    case Revokes::kGrant:
      return revocation.not_after;
    case Revokes::kDevice:
      return revocation.issued + kRevocationKeep;
    case Revokes::kNode:
    case Revokes::kEnrolment:
      return revocation.issued + kMaxRenewal + kRevocationKeep;
    case Revokes::kKey:
      break;
  }
  return kNeverOver;
}

}  // namespace culvert::trust

#include "proto/trust/statements/sign.hpp"

#include <algorithm>
#include <array>

namespace culvert::trust {

Result<note::Note> add_signature(note::Note note, const Signer& signer) {
  if (!note::valid_name(signer.name)) return fail(ErrorCode::kInvalid, "bad signer name");
  if (note.signatures.size() >= note::kMaxSignatures) {
    return fail(ErrorCode::kExhausted, "the note has 32 signature lines already");
  }
  auto line = note::sign(note.text, signer.name, signer.key);
  const bool held = std::any_of(note.signatures.begin(), note.signatures.end(),
                                [&](const auto& x) { return x.signature == line.signature; });
  if (!held) note.signatures.push_back(std::move(line));  // signing twice adds one line
  return note;
}

Result<note::Note> make_grant_request(const GrantRequest& request, const Node& device,
                                      const crypto::SigningKey& device_key, WallTime now,
                                      Rng& rng) {
  if (device_key.public_key() != device.identity) {
    return fail(ErrorCode::kInvalid, "the key is not this device's identity key");
  }
  Grant grant;
  grant.site = request.site;
  grant.id = GrantId::generate(now, rng);
  grant.extends = request.extends;
  grant.requester = device.person;
  grant.device = device.identity;
  grant.service = request.service;
  grant.scope = request.scope;
  grant.reason = request.reason;
  grant.not_before = request.not_before.value_or(now);
  grant.claim_by = grant.not_before + request.claim;
  grant.duration = request.length;
  grant.not_after = grant.claim_by + grant.duration;
  grant.policy = request.policy;
  return sign_statement(grant, Signer{device.name.str(), device_key});
}

Root next_epoch(const Root& current, const Hash& current_hash) {
  Root out = current;
  out.genesis = current.genesis_hash(current_hash);
  out.epoch = current.epoch + 1;
  out.previous = current_hash;
  return out;
}

Result<note::Note> revoke_grant(const Grant& grant, const VendorId& vendor, std::string_view reason,
                                WallTime now, const Signer& signer) {
  Revocation out;
  out.vendor_id = vendor;
  out.site = grant.site;
  out.what = Revokes::kGrant;
  out.grant = grant.id;
  out.not_after = grant.not_after;
  out.reason = std::string(reason);
  out.issued = now;
  return sign_statement(out, signer);
}

Result<note::Note> revoke_identity(Revokes what, const IdentityKey& key, const VendorId& vendor,
                                   const std::optional<SiteRef>& site, std::string_view reason,
                                   WallTime now, const Signer& signer) {
  Revocation out;
  out.vendor_id = vendor;
  out.site = site;
  out.what = what;
  out.key = key;
  out.reason = std::string(reason);
  out.issued = now;
  return sign_statement(out, signer);
}

Result<note::Note> suspend_key(std::vector<Hash> roots, const VendorId& vendor,
                               std::string_view reason, WallTime now, const Signer& holder) {
  Revocation out;
  out.vendor_id = vendor;
  out.what = Revokes::kKey;
  out.key = holder.key.public_key();
  out.roots = std::move(roots);
  std::sort(out.roots.begin(), out.roots.end());
  out.reason = std::string(reason);
  out.issued = now;
  return sign_statement(out, holder);
}

Result<note::Note> revoke_enrolment(const Hash& enrolment, const VendorId& vendor,
                                    const SiteRef& site, std::string_view reason, WallTime now,
                                    const Signer& signer) {
  Revocation out;
  out.vendor_id = vendor;
  out.site = site;
  out.what = Revokes::kEnrolment;
  out.enrolment = enrolment;
  out.reason = std::string(reason);
  out.issued = now;
  return sign_statement(out, signer);
}

std::optional<Kind> kind_of(std::string_view text) {
  struct Named {
    std::string_view type;
    Kind kind;
  };
  constexpr std::array<Named, 14> kKinds = {{{Root::kType, Kind::kRoot},
                                             {Site::kType, Kind::kSite},
                                             {Policy::kType, Kind::kPolicy},
                                             {Fresh::kType, Kind::kFresh},
                                             {Enrolment::kType, Kind::kEnrolment},
                                             {Enrolled::kType, Kind::kEnrolled},
                                             {Node::kType, Kind::kNode},
                                             {Service::kType, Kind::kService},
                                             {Grant::kType, Kind::kGrant},
                                             {Lease::kType, Kind::kLease},
                                             {Revocation::kType, Kind::kRevocation},
                                             {Ticket::kType, Kind::kTicket},
                                             {Places::kType, Kind::kPlaces},
                                             {SiteState::kType, Kind::kState}}};
  const auto first = text.substr(0, text.find('\n'));
  const auto* found = std::find_if(kKinds.begin(), kKinds.end(),
                                   [&](const Named& named) { return named.type == first; });
  if (found == kKinds.end()) return std::nullopt;
  return found->kind;
}

}  // namespace culvert::trust

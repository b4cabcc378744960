// Builds and signs statements, so that programs need not know the text of a statement. Each
// function renders the statement, checks that the text parses, and signs. kInvalid names the wrong
// field.
#pragma once

#include <string>
#include <vector>

#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/enrolled.hpp"
#include "proto/trust/statements/enrolment.hpp"
#include "proto/trust/statements/fresh.hpp"
#include "proto/trust/statements/grant.hpp"
#include "proto/trust/statements/lease.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/statements/places.hpp"
#include "proto/trust/statements/policy.hpp"
#include "proto/trust/statements/revocation.hpp"
#include "proto/trust/statements/root.hpp"
#include "proto/trust/statements/service.hpp"
#include "proto/trust/statements/site.hpp"
#include "proto/trust/statements/site_state.hpp"
#include "proto/trust/statements/ticket.hpp"

namespace culvert::trust {

// Who signs: the name on the line (a person's, or a node's label) and the key.
struct Signer {
  std::string name;
  const crypto::SigningKey& key;  // must outlive the Signer
};

// Signs a statement of any type that has parse() and render().
template <class Statement>
Result<note::Note> sign_statement(const Statement& statement, std::span<const Signer> signers) {
  note::Note note{statement.render(), {}};
  if (auto parsed = Statement::parse(note.text); !parsed) return fail_with(parsed.error());
  for (const auto& signer : signers) {
    if (!note::valid_name(signer.name)) return fail(ErrorCode::kInvalid, "bad signer name");
    note.signatures.push_back(note::sign(note.text, signer.name, signer.key));
  }
  return note;
}
template <class Statement>
Result<note::Note> sign_statement(const Statement& statement, const Signer& signer) {
  return sign_statement(statement, std::span<const Signer>(&signer, 1));
}
// Adds a signature line at the end: an approval, an admission, or a co-signature.
Result<note::Note> add_signature(note::Note note, const Signer& signer);

// A new request under the policy that the approvers will see. Not checked against the policy:
// Evidence::check_request does so.
struct GrantRequest {
  SiteRef site;
  Fqdn service;
  std::string scope{kScopeConnect};
  std::string reason;
  std::chrono::seconds length{3600};          // from the first use
  std::chrono::seconds claim{kDefaultClaim};  // how long the grant waits for its first use
  std::optional<WallTime> not_before;         // a scheduled start; nothing: now
  std::optional<GrantId> extends;
  Hash policy;
};
Result<note::Note> make_grant_request(const GrantRequest& request, const Node& device,
                                      const crypto::SigningKey& device_key, WallTime now, Rng& rng);

// A root with the next epoch number, `previous` and `genesis` filled in. The caller then edits keys
// and times, and signs with enough root keys of both epochs.
Root next_epoch(const Root& current, const Hash& current_hash);

// The revocations of a grant, of a device, of a node, and of the signer's own key. `roots`: hashes
// of the newest root of each chain that the key's holder knows, 1 to 16.
Result<note::Note> revoke_grant(const Grant& grant, const VendorId& vendor, std::string_view reason,
                                WallTime now, const Signer& signer);
Result<note::Note> revoke_identity(Revokes what, const IdentityKey& key, const VendorId& vendor,
                                   const std::optional<SiteRef>& site, std::string_view reason,
                                   WallTime now, const Signer& signer);
Result<note::Note> suspend_key(std::vector<Hash> roots, const VendorId& vendor,
                               std::string_view reason, WallTime now, const Signer& holder);
Result<note::Note> revoke_enrolment(const Hash& enrolment, const VendorId& vendor,
                                    const SiteRef& site, std::string_view reason, WallTime now,
                                    const Signer& signer);

// The type in the first line of a text or note; nothing: an unknown type. The coordinator sends
// statements in the order of this enum, so the types that verify a type stand before that type.
enum class Kind {
  kRoot,
  kSite,
  kPolicy,
  kFresh,
  kEnrolment,
  kEnrolled,
  kNode,
  kService,
  kGrant,
  kLease,
  kRevocation,
  kTicket,
  kPlaces,
  kState
};
std::optional<Kind> kind_of(std::string_view text);

}  // namespace culvert::trust

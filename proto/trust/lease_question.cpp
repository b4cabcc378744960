#include "proto/trust/lease_question.hpp"

#include <algorithm>
#include <set>

#include "proto/trust/evidence.hpp"
#include "proto/trust/fields.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::trust {
namespace {

std::optional<LeaseNonce> parse_nonce(std::string_view text) {
  const auto raw = from_hex(text);
  if (!raw) return std::nullopt;
  return LeaseNonce::from(*raw);
}

// What the revocations that are held here have ended.
struct Ended {
  std::set<GrantId> grants;
  std::set<IdentityKey> nodes;
};

Ended ended(const std::vector<note::Note>& revocations) {
  Ended out;
  for (const auto& note : revocations) {
    const auto revocation = Revocation::parse(note.text);
    if (!revocation) continue;
    if (revocation->what == Revokes::kGrant) out.grants.insert(revocation->grant);
    if (revocation->what == Revokes::kNode) out.nodes.insert(revocation->identity());
  }
  return out;
}

}  // namespace

Result<LeaseQuestion> LeaseQuestion::parse(std::string_view text) {
  FieldReader in(text, kType);
  LeaseQuestion out;
  out.site = in.site();
  out.agent = in.ed25519("agent");
  out.nonce = in.field("nonce", parse_nonce);
  out.revocations = in.field("revocations", parse_mark);
  out.grants = in.sorted("grant", 0, kMaxLeaseGrants, GrantId::parse);
  return in.finish(std::move(out));
}

std::string LeaseQuestion::render() const {
  FieldWriter out(kType);
  out.site(site).line("agent", crypto::format_ed25519(agent)).line("nonce", nonce.hex());
  out.line("revocations", format(revocations));
  out.each("grant", grants, [](const GrantId& id) { return id.str(); });
  return out.take();
}

Result<std::vector<note::Note>> answer_lease(const LeaseQuestion& question,
                                             const Evidence& evidence, std::string_view name,
                                             const crypto::SigningKey& signer) {
  const auto* root = evidence.site_root(question.site.id);
  if (root == nullptr || root->name != question.site.name) {
    return fail(ErrorCode::kDenied,
                "lease: no documents of the site " + question.site.name.str() + " are known here");
  }
  const auto revocations = evidence.revocation_notes(question.site.id);
  const auto over = ended(revocations);
  if (over.nodes.contains(question.agent)) {
    return fail(ErrorCode::kDenied, "lease: the agent is revoked at this site");
  }
  Lease lease;
  lease.vendor_id = evidence.vendor_id();
  lease.site = question.site;
  lease.agent = question.agent;
  lease.nonce = question.nonce;
  lease.documents = evidence.documents(question.site.id);
  std::copy_if(question.grants.begin(), question.grants.end(), std::back_inserter(lease.grants),
               [&](const GrantId& id) { return !over.grants.contains(id); });
  auto note = sign_statement(lease, Signer{std::string(name), signer});
  if (!note) return fail_with(note.error());
  std::size_t size = note::render(*note).size();
  std::vector<note::Note> out{std::move(*note)};
  if (evidence.revocations(question.site.id) == question.revocations) return out;
  for (const auto& revocation : revocations) {
    size += note::render(revocation).size() + 1;
    if (size > kMaxLeaseAnswer || out.size() == note::kMaxBundleNotes) break;
    out.push_back(revocation);
  }
  return out;
}

}  // namespace culvert::trust

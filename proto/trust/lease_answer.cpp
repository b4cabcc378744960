#include "proto/trust/lease_answer.hpp"

#include "proto/trust/statements/sign.hpp"

namespace culvert::trust {
namespace {

// Adds notes while they fit into one answer. False: some are left.
class Page {
 public:
  bool add(const note::Note& note) {
    const std::size_t size = note::render(note).size() + 1;
    if (bytes_ + size > kMaxLeaseAnswer || notes.size() >= note::kMaxBundleNotes) return false;
    bytes_ += size;
    notes.push_back(note);
    return true;
  }
  std::vector<note::Note> notes;

 private:
  std::size_t bytes_ = 0;
};

}  // namespace

Result<std::vector<note::Note>> answer_lease(const LeaseQuestion& question,
                                             const Evidence& evidence, const RevocationLog& log,
                                             std::string_view name,
                                             const crypto::SigningKey& signer) {
  const auto& site = question.site.id;
  const auto* root = evidence.site_root(site);
  if (root == nullptr || root->name != question.site.name) {
    return fail(ErrorCode::kDenied,
                "lease: no documents of the site " + question.site.name.str() + " are known here");
  }
  if (evidence.node_ended(question.agent, site)) {
    return fail(ErrorCode::kDenied, "lease: the agent is revoked at this site");
  }
  const auto untold = log.after(question.revocations);
  if (!untold) {
    return fail(ErrorCode::kStale,
                "lease: the mark is of another server or start; ask with an empty one");
  }
  Lease lease;
  lease.vendor_id = evidence.vendor_id();
  lease.site = question.site;
  lease.agent = question.agent;
  lease.nonce = question.nonce;
  lease.documents = evidence.documents(site);
  std::vector<note::Note> of_grants;
  for (const auto& [id, device] : question.grants) {
    if (!evidence.ended(id) && !evidence.device_ended(device, site)) {
      lease.grants.push_back(id);
    } else if (const auto* revocation = evidence.revocation_of(id, site)) {
      of_grants.push_back(*revocation);
    }
  }
  const auto signed_lease = sign_statement(lease, Signer{std::string(name), signer});
  if (!signed_lease) return fail_with(signed_lease.error());
  Page page;
  for (const auto& note : *untold) {
    if (!page.add(note)) return std::move(page.notes);
  }
  if (!page.add(*signed_lease)) return std::move(page.notes);
  for (const auto& note : of_grants) page.add(note);
  return std::move(page.notes);
}

}  // namespace culvert::trust

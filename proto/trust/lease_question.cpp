#include "proto/trust/lease_question.hpp"

#include "proto/trust/evidence.hpp"
#include "proto/trust/revocation_log.hpp"
#include "proto/trust/statements/fields.hpp"
#include "proto/trust/statements/sign.hpp"

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

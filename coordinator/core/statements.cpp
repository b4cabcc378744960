// Statements that come in: checked, taken, written down.
#include <algorithm>

#include "coordinator/core/impl.hpp"

namespace culvert::coordinator {
namespace {

std::vector<trust::Person> added(const std::vector<trust::Person>& before,
                                 const std::vector<trust::Person>& after) {
  std::vector<trust::Person> out;
  for (const auto& person : after) {
    if (std::find(before.begin(), before.end(), person) == before.end()) out.push_back(person);
  }
  return out;
}

// Of a verified revocation: what it ends, as its text says it, and why.
std::string ended_by(const note::Note& note) {
  constexpr std::string_view kField = "\nrevokes: ";
  const auto revocation = trust::Revocation::parse(note.text);
  const auto at = note.text.find(kField);
  if (!revocation || at == std::string::npos) return {};
  const auto begin = at + kField.size();
  return note.text.substr(begin, note.text.find('\n', begin) - begin) + ": " + revocation->reason;
}

bool unanswered(trust::RequestPhase phase) {
  return phase == trust::RequestPhase::kPending || phase == trust::RequestPhase::kInvalid;
}

}  // namespace

Result<control::Message> Core::Impl::put(Now now, const Connection& connection,
                                         const control::Put& put) {
  if (!connection.node && connection.proven.empty()) {
    return fail(ErrorCode::kDenied, "prove a key before handing in statements");
  }
  // What revokes is made durable apart from the rest: it may use the room that is set aside for it.
  bool revoking = false;
  Status settled = {};
  for (const auto& text : put.notes) {
    if (const bool revokes = text.starts_with(trust::Revocation::kType); revokes != revoking) {
      if (auto done = settle(now); !done) settled = done;
      revoking = revokes;
    }
    if (auto taken = put_one(now, connection, text); !taken) {
      ++counters_.refused_statements;
      return fail_with(taken.error());
    }
  }
  if (!settled) return fail_with(settled.error());
  control::Reply reply;
  reply.re = put.id;
  return reply;
}

// Revocations that a node has kept and this store lacks, because it is an older copy.
Result<control::Message> Core::Impl::offer(Now now, const Connection& connection,
                                           const control::Offer& offer) {
  if (!connection.node || !admitted(now, *connection.node)) {
    return fail(ErrorCode::kDenied, "revocations are offered by admitted nodes alone");
  }
  control::Reply reply;
  reply.re = offer.id;
  for (const auto& id : offer.ids) {
    if (ledger_.find(id) == nullptr && reply.lines.size() < control::kMaxAuditEntries) {
      reply.lines.push_back(id.hex());
    }
  }
  for (const auto& text : offer.notes) {
    if (!text.starts_with(trust::Revocation::kType)) continue;
    if (!put_one(now, connection, text)) ++counters_.refused_statements;  // the others still count
  }
  const auto offering = offering_.find(connection.node->site.id);
  if (offering != offering_.end() && reply.lines.empty()) offering->second = true;
  return reply;
}

Status Core::Impl::put_one(Now now, const Connection& connection, std::string_view text) {
  const auto note = note::parse(text);
  if (!note) return fail_with(note.error());
  const auto kind = trust::kind_of(note->text);
  const auto* node = connection.node ? &*connection.node : nullptr;
  if (node != nullptr && kind == trust::Kind::kNode) {
    const auto own = trust::Node::parse(note->text);
    if (!own) return fail_with(own.error());
    if (own->identity != node->identity) {
      return fail(ErrorCode::kDenied, "a node hands in its own statement only");
    }
    if (own->kind == trust::NodeKind::kDevice) {
      return wait_for_admission(now, connection, *note, *own);
    }
    if (auto may = may_renew(now, *note, own->identity); !may) return may;
  }
  if (node != nullptr && !admitted(now, *node)) {
    return fail(ErrorCode::kDenied, "this device is not admitted (yet)");
  }
  if (kind == trust::Kind::kState) return states_.take(*note, node, rng_);
  if (kind != trust::Kind::kRevocation) {
    if (auto may = writable(); !may) return may;
  }
  trust::RequestState before;
  if (kind == trust::Kind::kGrant) {
    const auto grant = trust::Grant::parse(note->text);
    if (!grant) return fail_with(grant.error());
    if (ledger_.evidence().grant(grant->id) == nullptr) {
      if (auto ok = check_new_request(now, connection, *note); !ok) return ok;
    }
    before = ledger_.evidence().state(grant->id, now);
  }
  const auto agent = kind == trust::Kind::kNode ? trust::Node::parse(note->text)
                                                : Result<trust::Node>(trust::Node{});
  const bool new_agent = agent && agent->kind == trust::NodeKind::kAgent &&
                         kind == trust::Kind::kNode &&
                         ledger_.evidence().node_note(agent->identity) == nullptr;
  const auto change = ledger_.take(*note, now);
  if (!change) return fail_with(change.error());
  if (change->kind == trust::ChangeKind::kNone) return {};
  changed_ = true;
  if (new_agent) journal_new_agent(now, *agent);
  if (change->kind == trust::ChangeKind::kNode) {
    no_longer_waits(*change->identity);
    if (const auto* admitted_now = ledger_.evidence().node(*change->identity, now)) {
      enter_if_admitted(now, trust::Node(*admitted_now));
    }
  }
  journal_change(now, connection, *change, before);
  return {};
}

// A request begins with its own device; approvers only add to it.
Status Core::Impl::check_new_request(Now now, const Connection& connection,
                                     const note::Note& note) {
  const auto& evidence = ledger_.evidence();
  const auto grant = trust::Grant::parse(note.text);
  if (!grant) return fail_with(grant.error());
  if (!connection.node || connection.node->identity != grant->device) {
    return fail(ErrorCode::kNotFound, "no such request (its own device hands in a new one)");
  }
  // What the policy does not allow is queued like any other: a refusal would tell which names
  // exist. Approvers see that it is invalid, and why.
  auto ok = evidence.check_request(note, now);
  if (!ok && ok.error().code != ErrorCode::kDenied) return ok;
  std::size_t open = 0;
  for (const auto& id : ledger_.grants_of(grant->device)) {
    if (unanswered(evidence.state(id, now).phase)) ++open;
  }
  if (open >= kMaxOpenRequests) {
    return fail(ErrorCode::kExhausted, "this device has " + std::to_string(open) +
                                           " requests waiting; withdraw one (culvert revoke)");
  }
  return rates_.requests.take(grant->device.hex(), 1, now.steady);
}

void Core::Impl::journal(Now now, audit::Kind kind, std::string who, const trust::Grant* grant,
                         std::string_view outcome, std::string_view detail, std::string site) {
  audit::Entry entry;
  entry.at = now.wall;
  entry.kind = kind;
  entry.who = std::move(who);
  entry.outcome = outcome;
  entry.detail = detail;
  entry.site = std::move(site);
  if (grant != nullptr) {
    entry.device = crypto::format_ed25519(grant->device);
    entry.site = grant->site.name.str();
    entry.grant = grant->id.str();
    entry.service = grant->service.str();
  }
  ledger_.journal(std::move(entry));
}

// Who has ended it, by a verified signature: a line by an unknown key may bear any name.
std::string Core::Impl::signer_of(const note::Note& note, const trust::Change& change,
                                  const trust::Grant* grant) const {
  const auto& evidence = ledger_.evidence();
  std::vector<note::KnownKey> known;
  const auto add = [&](const trust::Root* root) {
    if (root == nullptr) return;
    const auto keys = root->known_keys();
    known.insert(known.end(), keys.begin(), keys.end());
  };
  add(evidence.vendor_root());
  for (const auto& site : evidence.sites()) {
    if (!change.site || *change.site == site.id) add(evidence.site_root(site.id));
  }
  if (grant != nullptr) known.push_back({grant->requester.str(), grant->device});
  const auto signers = note::verify(note, known);
  return signers && !signers->empty() ? signers->front().name : std::string();
}

// The site whose affair a revocation is; empty: the vendor's. A key is its site's unless the
// vendor's root lists it.
std::string Core::Impl::site_of(const trust::Revocation& revocation) const {
  if (revocation.site) return revocation.site->name.str();
  const auto& evidence = ledger_.evidence();
  const auto lists = [&](const trust::Root* root) {
    return root != nullptr && root->lists(revocation.key);
  };
  if (revocation.what != trust::Revokes::kKey || lists(evidence.vendor_root())) return {};
  for (const auto& site : evidence.sites()) {
    if (lists(evidence.site_root(site.id))) return site.name.str();
  }
  return {};
}

void Core::Impl::journal_change(Now now, const Connection& connection, const trust::Change& change,
                                const trust::RequestState& before) {
  const auto& evidence = ledger_.evidence();
  const auto* held = change.grant ? evidence.grant(*change.grant) : nullptr;
  const std::optional<trust::Grant> grant = held ? std::optional(*held) : std::nullopt;
  const auto* subject = grant ? &*grant : nullptr;
  if (change.kind == trust::ChangeKind::kGrant && grant) {
    const auto after = evidence.state(grant->id, now);
    const auto phase = trust::phase_name(after.phase);
    if (connection.node && connection.node->identity == grant->device) {
      journal(now, audit::Kind::kRequest, grant->requester.str(), subject, phase, grant->reason);
    }
    for (const auto& person : added(before.vendor, after.vendor)) {
      journal(now, audit::Kind::kApproval, person.str(), subject, phase, "vendor");
    }
    for (const auto& person : added(before.customer, after.customer)) {
      journal(now, audit::Kind::kApproval, person.str(), subject, phase, "customer");
    }
    return;
  }
  if (change.kind == trust::ChangeKind::kRevocation) {
    const auto* found = ledger_.find(change.statement);
    const auto note = found ? note::parse(found->note) : Result<note::Note>(note::Note{});
    const auto signer = note ? signer_of(*note, change, subject) : std::string();
    const auto phase = grant ? trust::phase_name(evidence.state(grant->id, now).phase) : "revoked";
    const auto ends = note ? trust::Revocation::parse(note->text)
                           : Result<trust::Revocation>(trust::Revocation{});
    const auto site = ends ? site_of(*ends) : std::string();
    if (subject != nullptr) {
      return journal(now, audit::Kind::kRevocation, signer, subject, phase, "", site);
    }
    audit::Entry entry;
    entry.at = now.wall;
    entry.kind = audit::Kind::kRevocation;
    entry.who = signer;
    entry.site = site;
    entry.outcome = phase;
    if (note) entry.detail = ended_by(*note);
    if (change.identity) entry.device = crypto::format_ed25519(*change.identity);
    ledger_.journal(std::move(entry));
    return;
  }
  if (change.kind == trust::ChangeKind::kNode && change.identity) {
    const auto* node = evidence.node(*change.identity, now);
    if (node == nullptr) return;
    const auto who = node->person.empty() ? node->name.str() : node->person.str();
    const auto detail = crypto::format_ed25519(node->identity);
    journal(now, audit::Kind::kNodeAdmitted, who, nullptr, "admitted", detail,
            node->site.name.str());
  }
}

}  // namespace culvert::coordinator

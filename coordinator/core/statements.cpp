// Statements from nodes and approvers: put() checks each one and passes it to the ledger, which
// verifies it; the journal then gets a line. refresh() in core.cpp tells the nodes concerned.
#include <algorithm>

#include "coordinator/core/impl.hpp"

namespace culvert::coordinator {
namespace {

bool unanswered(trust::RequestPhase phase) {
  return phase == trust::RequestPhase::kPending || phase == trust::RequestPhase::kInvalid;
}

}  // namespace

Result<control::Message> Core::Impl::put(Now now, const Connection& connection,
                                         const control::Put& put) {
  if (!connection.node && connection.proven.empty()) {
    return fail(ErrorCode::kDenied, "prove a key before handing in statements");
  }
  // Revocations are committed apart from other statements, since they may use the room on the disk
  // that is set aside for revocations.
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

// Takes revocations that a node has kept and this store lacks, because the store is an old copy.
Result<control::Message> Core::Impl::offer(Now now, const Connection& connection,
                                           const control::Offer& offer) {
  if (!connection.node || !admitted(now, *connection.node)) {
    return fail(ErrorCode::kDenied, "only admitted nodes offer revocations");
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
    // Go on with the other notes.
    if (!put_one(now, connection, text)) ++counters_.refused_statements;
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
    before = ledger_.evidence().state(now, grant->id);
  }
  const auto agent = kind == trust::Kind::kNode ? trust::Node::parse(note->text)
                                                : Result<trust::Node>(trust::Node{});
  const bool new_agent = agent && agent->kind == trust::NodeKind::kAgent &&
                         kind == trust::Kind::kNode &&
                         ledger_.evidence().node_note(agent->identity) == nullptr;
  const auto change = ledger_.take(now, *note);
  if (!change) return fail_with(change.error());
  if (change->kind == trust::ChangeKind::kNone) return {};
  changed_ = true;
  if (new_agent) new_agent_came(now, *agent);
  if (change->kind == trust::ChangeKind::kNode) {
    no_longer_waits(*change->identity);
    if (const auto* admitted_now = ledger_.evidence().node(now, *change->identity)) {
      enter_if_admitted(now, trust::Node(*admitted_now));
    }
  }
  journal_.change(now, connection.node, *change, before);
  return {};
}

// Checks a new request for access. Only the requesting device may hand in a new request; approvers
// add signatures later.
Status Core::Impl::check_new_request(Now now, const Connection& connection,
                                     const note::Note& note) {
  const auto& evidence = ledger_.evidence();
  const auto grant = trust::Grant::parse(note.text);
  if (!grant) return fail_with(grant.error());
  if (!connection.node || connection.node->identity != grant->device) {
    return fail(ErrorCode::kNotFound, "no such request (its own device hands in a new one)");
  }
  // A request that the policy does not allow is queued like any other, since a refusal would tell
  // which names exist. Approvers see that the request is invalid, and why.
  auto ok = evidence.check_request(now, note);
  if (!ok && ok.error().code != ErrorCode::kDenied) return ok;
  std::size_t open = 0;
  for (const auto& id : ledger_.grants_of(grant->device)) {
    if (unanswered(evidence.state(now, id).phase)) ++open;
  }
  if (open >= kMaxOpenRequests) {
    return fail(ErrorCode::kExhausted, "this device has " + std::to_string(open) +
                                           " requests waiting; withdraw one (culvert revoke)");
  }
  return rates_.requests.take(now.steady, grant->device.hex(), 1);
}

}  // namespace culvert::coordinator

// How Client handles the coordinator's messages.
#include <algorithm>

#include "proto/control/client.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/crypto/hash.hpp"
#include "proto/note/note.hpp"

namespace culvert::control {
Status Client::take(Message message) {
  const bool greeting = std::holds_alternative<Welcome>(message);
  if (const auto* error = std::get_if<ErrorReply>(&message); error != nullptr && error->re == 0) {
    return fail(error->code, error->message);  // concerns the connection, which ends
  }
  if (greeting != (state_ == State::kHandshake)) {
    return fail(ErrorCode::kInvalid, "the coordinator sent a message out of turn");
  }
  return std::visit(
      overloaded{[&](Welcome& welcome) -> Status { return welcomed(std::move(welcome)), Status{}; },
                 [&](Delta& delta) { return take_delta(std::move(delta)); },
                 [&](Lease& lease) -> Status {
                   return note_came(lease.re, Asked::What::kLease, std::move(lease.note)), Status{};
                 },
                 [&](Ticket& ticket) -> Status {
                   return note_came(ticket.re, Asked::What::kTicket, std::move(ticket.note)),
                          Status{};
                 },
                 [&](Reply& reply) -> Status {
                   const auto re = reply.re;
                   return answered(re, std::move(reply)), Status{};
                 },
                 [&](ErrorReply& error) -> Status {
                   return answered(error.re, fail(error.code, std::move(error.message))), Status{};
                 },
                 [](Pong&) -> Status { return {}; },
                 [](auto&) -> Status {
                   return fail(ErrorCode::kInvalid, "the coordinator sent a client's message");
                 }},
      message);
}

void Client::welcomed(Welcome welcome) {
  state_ = State::kConnected;
  welcomed_at_ = now_;
  // The numbers of another run have no meaning here. The view stays until a full delta replaces it.
  if (welcome.run != run_) seq_ = 0;
  run_ = std::move(welcome.run);
  stored_ = welcome.stored;
  events_.emplace_back(Connected{std::move(welcome.relays), welcome.audit_next,
                                 std::move(welcome.revocations), welcome.offer});
  for (const auto& key : options_.proofs) {
    const auto id = ++last_id_;
    asked_.emplace(id, Asked{Asked::What::kProof, {}});
    const auto signature = key.sign(proof_message(channel_->handshake_hash()));
    send(encode(Prove{id, key.public_key(), signature}));
  }
  for (const auto& [id, json] : pending_) send(json);
}

void Client::answered(RequestId re, Result<Reply> reply) {
  if (const auto kept = pending_.find(re); kept != pending_.end()) {
    pending_bytes_ -= kept->second.size();
    pending_.erase(kept);
    events_.emplace_back(Answered{re, std::move(reply)});
    return;
  }
  const auto found = asked_.find(re);
  if (found == asked_.end()) return;  // the request has been given up
  const auto asked = found->second;
  asked_.erase(found);
  if (!reply) {
    settle(re, asked, fail_with(reply.error()));
  } else if (asked.what != Asked::What::kProof) {
    settle(re, asked, fail(ErrorCode::kInvalid, "the coordinator sent no note"));
  }
}

void Client::note_came(RequestId re, Asked::What what, std::string note) {
  const auto found = asked_.find(re);
  if (found == asked_.end() || found->second.what != what) return;
  const auto asked = found->second;
  asked_.erase(found);
  settle(re, asked, std::move(note));
}

void Client::settle(RequestId re, const Asked& asked, Result<std::string> note) {
  switch (asked.what) {
    case Asked::What::kLease:
      events_.emplace_back(Leased{re, std::move(note)});
      break;
    case Asked::What::kTicket:
      events_.emplace_back(Ticketed{re, asked.relay, std::move(note)});
      break;
    case Asked::What::kProof:
      // The next connection repeats the proof, so a lost answer is no event.
      if (connected()) events_.emplace_back(Answered{0, fail_with(note.error())});
      break;
  }
}

// Collects the parts of one step; the last applies all of it.
Status Client::take_delta(Delta delta) {
  if (!step_) {
    step_ = std::move(delta);
    // A step must follow the last applied step directly, and numbers only grow. If the step does
    // not fit, the client ends the connection, and the coordinator then sends a full delta.
    const bool fits = step_->full ? step_->after == 0 && step_->seq != 0
                                  : step_->after == seq_ && seq_ != 0 && step_->seq >= seq_;
    if (!fits) {
      seq_ = 0;
      return fail(ErrorCode::kConflict, "the coordinator's numbers do not fit what we have of it");
    }
  } else {
    auto& step = *step_;
    if (step.seq != delta.seq || step.full != delta.full || step.after != delta.after) {
      return fail(ErrorCode::kInvalid, "the coordinator mixed two steps");
    }
    step.more = delta.more;
    step.put.insert(step.put.end(), std::make_move_iterator(delta.put.begin()),
                    std::make_move_iterator(delta.put.end()));
    step.drop.insert(step.drop.end(), delta.drop.begin(), delta.drop.end());
  }
  if (step_->put.size() > kMaxView || step_->drop.size() > 2 * kMaxView) {
    return fail(ErrorCode::kExhausted,
                "the coordinator sent more notes than one node's view may have");
  }
  if (step_->more) return {};
  const auto step = *std::exchange(step_, std::nullopt);
  return apply(step);
}

Status Client::apply(const Delta& step) {
  std::map<NoteId, crypto::Hash> fresh;
  if (!step.full) fresh = view_;
  for (const auto& id : step.drop) fresh.erase(id);
  std::vector<Event> learned;
  for (const auto& text : step.put) {
    auto note = note::parse(text);
    if (!note) return fail_with(note.error());
    const auto id = note::hash(*note);
    const auto whole = crypto::sha256(view(text));
    fresh[id] = whole;
    const auto before = view_.find(id);
    if (before == view_.end() || before->second != whole) learned.emplace_back(Learned{id, text});
  }
  if (fresh.size() > kMaxView) {
    return fail(ErrorCode::kExhausted,
                "the coordinator sent more notes than one node's view may have");
  }
  for (auto& event : learned) events_.push_back(std::move(event));
  for (const auto& [id, whole] : view_) {
    if (!fresh.contains(id)) events_.emplace_back(Dropped{id});
  }
  view_ = std::move(fresh);
  seq_ = step.seq;
  stored_ = std::max(stored_, step.stored);
  events_.emplace_back(Synced{});
  return {};
}

}  // namespace culvert::control

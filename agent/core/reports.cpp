// What this agent says to the coordinator: notes and questions of Access, audit entries, the
// agent's state, and revocations that the coordinator has lost.
#include "agent/core/link.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

constexpr Duration kUploadRetry = 10s;  // after a refusal
constexpr Duration kStateEvery = std::chrono::minutes(5);
constexpr Duration kStateLeast = 10s;  // least time between two states that are sent

}  // namespace

void CoordinatorLink::report(Now now) {
  carry_outbox();
  ask_tickets(now);
  upload(now);
  say_state(now);
}

// A question for a lease that cannot be sent now is asked again at the next third of the lease, or
// when the connection is back.
void CoordinatorLink::carry_outbox() {
  const Outbox box = access_.take_outbox();
  if (!client_) return;
  if (box.node_changed) {
    client_->set_node(note::render(access_.own().note()), access_.own().rests_on());
  }
  for (const note::Note& note : box.put) {
    static_cast<void>(client_->put({note::render(note)}));  // kept until answered
  }
  if (box.remind && connected()) static_cast<void>(client_->put({note::render(*box.remind)}));
  for (const trust::LeaseRequest& request : box.ask) {
    std::vector<std::string> grants;
    for (const trust::GrantId& id : request.grants) grants.push_back(id.str());
    static_cast<void>(client_->request_lease(trust::to_hash(request.site.id), request.nonce.bytes,
                                             std::move(grants)));
  }
}

void CoordinatorLink::ask_tickets(Now now) {
  for (std::string& relay : mesh_.tickets_due(now)) {
    if (client_) static_cast<void>(client_->request_ticket(std::move(relay)));  // asked again later
  }
}

void CoordinatorLink::upload(Now now) {
  auto& journal = access_.journal();
  if (!connected() || !journal.has_batch() || upload_at_ > now.steady) return;
  Journal::Batch batch = journal.next_batch();
  const auto end = batch.first + batch.lines.size();
  const auto asked = ask(
      client_->upload_audit(batch.first, std::move(batch.lines)),
      [this, end](Now then, const Result<control::Reply>& reply) { uploaded(then, end, reply); });
  if (asked) return;
  journal.acknowledge(false);
  upload_at_ = now.steady + kUploadRetry;
}

void CoordinatorLink::uploaded(Now now, std::uint64_t end, const Result<control::Reply>& reply) {
  auto& journal = access_.journal();
  const bool never = !reply && reply.error().code == ErrorCode::kInvalid;
  const bool behind = reply && reply->next < end;  // the coordinator lacks entries before the batch
  const std::uint64_t count =
      never ? journal.refuse() : journal.acknowledge(reply.has_value() && !behind);
  if (behind) {
    upload_at_ = now.steady + kUploadRetry;  // bounds the work that a lying coordinator can cause
    return journal.resume(reply->next);
  }
  if (never) log(LogLevel::kWarning, "audit lines refused", reply.error().message);
  if (!reply && !never) {
    upload_at_ = now.steady + kUploadRetry;
    return log(LogLevel::kDebug, "audit upload refused", reply.error().message);
  }
  access_.uploaded(count);
}

void CoordinatorLink::offer_revocations(Now now) {
  auto& offers = access_.offers();
  if (!connected()) return offers.later(now);  // the next welcome plans the offer anew
  auto what = offers.offer();
  const auto asked = ask(
      client_->offer(std::move(what.ids), std::move(what.notes)),
      [this](Now then, const Result<control::Reply>& reply) {
        if (!reply) {
          return log(LogLevel::kWarning, "revocations not offered", reply.error().message);
        }
        const auto count = access_.offers().answered(then, reply->lines);
        if (count == 0) return;
        log(LogLevel::kWarning, "the coordinator has lost revocations; they are handed in again",
            std::to_string(count));
      });
  if (!asked) offers.later(now);
}

bool CoordinatorLink::may_say_state() const {
  return access_.options().role == Role::kSite && access_.publication().admitted() && connected();
}

// What this agent knows, signed, for `culvert site status`: soon after it changes, and often enough
// that an old state tells that the agent is gone.
void CoordinatorLink::say_state(Now now) {
  if (!may_say_state()) return;
  if (access_.take_state_change()) {
    auto state = access_.own().state();
    state.issued = state_said_.issued;
    if (state.render() != state_said_.render()) {
      state_at_ = std::min(state_at_, std::max(now.steady, state_sent_ + kStateLeast));
    }
  }
  if (state_at_ > now.steady) return;
  auto state = access_.own().state();
  state.issued = now.wall;
  const trust::Signer signer{access_.own().node().name.str(), access_.keys().identity};
  const auto note = trust::sign_statement(state, signer);
  state_at_ = now.steady + (note ? kStateEvery : kStateLeast);
  if (!note) {
    return log(LogLevel::kError, "cannot sign this agent's state", note.error().message);
  }
  if (!client_->put({note::render(*note)})) {  // the client's queue is full
    state_at_ = now.steady + kStateLeast;
    return;
  }
  state_said_ = std::move(state);
  state_sent_ = now.steady;
}

}  // namespace culvert::agent

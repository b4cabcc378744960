#include "agent/core/link.hpp"

#include "proto/core/overloaded.hpp"
#include "proto/trust/statements/ticket.hpp"

namespace culvert::agent {

void CoordinatorLink::log(LogLevel level, std::string event, std::string detail) {
  events_.emplace_back(LogLine{level, std::move(event), std::move(detail)});
}

void CoordinatorLink::start(Now now) {
  const trust::Places* places = access_.evidence().places();
  if (places == nullptr) {
    return log(LogLevel::kError, "no coordinator is known",
               "the vendor's list of addresses (culvert/places/v1) is missing; ask for a new "
               "token");
  }
  const trust::CoordinatorEntry* chosen = &places->coordinators.front();
  const auto& of_token = access_.origin().coordinators;
  url_ = access_.options().coordinator;
  if (url_.empty() && !of_token.empty()) url_ = of_token.front();
  for (const trust::CoordinatorEntry& entry : places->coordinators) {
    if (entry.url == url_) chosen = &entry;
  }
  if (url_.empty()) url_ = chosen->url;
  client_ = std::make_unique<control::Client>(
      control::ClientOptions{access_.keys().control.clone(), chosen->key}, rng_);
  carry_outbox();
  client_->start(now.steady);
}

void CoordinatorLink::begin_anew(Now now) {
  if (!connected()) return;
  client_->stop();
  client_->start(now.steady);
}

Status CoordinatorLink::ask(Result<control::RequestId> id, Answer answer) {
  if (!id) return fail_with(id.error());
  asked_[*id] = std::move(answer);
  return {};
}

Status CoordinatorLink::put(const note::Note& note, Answer answer) {
  if (!client_) return fail(ErrorCode::kUnavailable, "no coordinator is known");
  return ask(client_->put({note::render(note)}), std::move(answer));
}

Status CoordinatorLink::site_info(const std::string& fqdn, Answer answer) {
  if (!client_) return fail(ErrorCode::kUnavailable, "no coordinator is known");
  return ask(client_->site_info(fqdn), std::move(answer));
}

void CoordinatorLink::handle_open(Now now, ConnectionId id) {
  if (is_current(id)) client_->handle_opened(now.steady);
}

void CoordinatorLink::handle_message(Now now, ConnectionId id, ByteView message) {
  if (is_current(id)) client_->handle_message(now.steady, message);
}

void CoordinatorLink::handle_closed(Now now, ConnectionId id, const std::string& reason) {
  if (!is_current(id)) return;
  connection_ = 0;
  client_->handle_closed(now.steady, Error{ErrorCode::kUnavailable, reason});
}

void CoordinatorLink::handle_timeout(Now now) {
  if (client_ && client_->next_deadline() <= now.steady) client_->handle_timeout(now.steady);
  if (access_.offers().next() <= now.steady) offer_revocations(now);
}

Instant CoordinatorLink::next_deadline() const {
  Instant next = access_.offers().next();
  if (client_) next = std::min(next, client_->next_deadline());
  if (may_say_state()) next = std::min(next, state_at_);
  if (connected() && access_.journal().has_batch()) next = std::min(next, upload_at_);
  return next;
}

void CoordinatorLink::pump(Now now) {
  if (!client_) return;
  const auto carry_out = overloaded{
      [this](const control::OpenConnection&) {
        connection_ = ++last_connection_;
        events_.emplace_back(OpenControl{connection_, url_ + std::string(control::kPath)});
      },
      [this](const control::CloseConnection&) {
        events_.emplace_back(CloseControl{connection_});
        connection_ = 0;
      },
      [this](control::SendRecord& record) {
        events_.emplace_back(SendControl{connection_, std::move(record.record)});
      },
  };
  for (bool more = true; more;) {
    more = false;
    while (auto output = client_->poll_output()) {
      more = true;
      std::visit(carry_out, *output);
    }
    while (auto event = client_->poll_event()) {
      more = true;
      on_event(now, std::move(*event));
    }
  }
}

void CoordinatorLink::on_event(Now now, control::Event event) {
  std::visit(overloaded{
                 [&](control::Connected& connected) { on_connected(now, std::move(connected)); },
                 [&](const control::Disconnected& lost) {
                   error_ = lost.why.message;
                   if (std::exchange(error_logged_, true)) return;
                   log(LogLevel::kWarning, "no connection to the coordinator, trying again",
                       url_ + ": " + *error_);
                 },
                 [&](const control::Learned& told) {
                   if (auto note = note::parse(told.note)) learned_.push_back(std::move(*note));
                 },
                 [](const control::Dropped&) {},  // a verified statement stays until it ends
                 [&](const control::Synced&) { access_.learn(now, std::exchange(learned_, {})); },
                 [&](const control::Answered& answered) { on_answer(now, answered); },
                 [&](const control::Leased& leased) { on_lease(now, leased); },
                 [&](control::Ticketed& ticketed) { on_ticket(now, std::move(ticketed)); },
             },
             event);
}

void CoordinatorLink::on_connected(Now now, control::Connected connected) {
  log(LogLevel::kInfo, "coordinator connected", url_);
  error_.reset();
  error_logged_ = false;
  relays_.offer(std::move(connected.relays));
  mesh_.coordinator_connected(now, relays_.plan(access_));
  access_.connected(now);
  access_.journal().resume(connected.audit_next);
  access_.offers().welcomed(now, connected, rng_);
  state_at_ = now.steady;  // the coordinator keeps states in memory alone
  if (const auto& published = access_.publication().note()) {
    static_cast<void>(client_->put({note::render(*published)}));  // kept until answered
  }
}

void CoordinatorLink::on_lease(Now now, const control::Leased& leased) {
  if (!leased.note) return;
  const auto note = note::parse(*leased.note);
  if (!note) return;
  if (const auto taken = access_.take_lease(now, *note); !taken) {
    log(LogLevel::kDebug, "lease not taken", taken.error().message);
  }
}

// The relay verifies a ticket. Here only the ticket's end matters.
void CoordinatorLink::on_ticket(Now now, control::Ticketed ticketed) {
  if (!ticketed.note) return;
  const auto note = note::parse(*ticketed.note);
  const auto ticket = note ? trust::Ticket::parse(note->text) : fail_with(note.error());
  if (!ticket) return;
  mesh_.handle_ticket(now, ticketed.relay, std::move(*ticketed.note), ticket->expires);
}

void CoordinatorLink::on_answer(Now now, const control::Answered& answered) {
  const auto question = asked_.find(answered.request);
  if (question != asked_.end()) {
    const auto answer = std::move(question->second);
    asked_.erase(question);
    return answer(now, answered.reply);
  }
  if (!answered.reply) {
    log(LogLevel::kWarning, "coordinator refused", answered.reply.error().message);
  }
}

}  // namespace culvert::agent

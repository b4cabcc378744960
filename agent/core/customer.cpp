// The customer's own leases: they reach an agent without the vendor.
#include "agent/core/customer.hpp"

#include <algorithm>

#include "agent/core/parts.hpp"
#include "proto/trust/register/revocation_log.hpp"
#include "proto/trust/statements/lease_question.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

std::string joined(const std::string& url, std::string_view path) {
  const bool slash = !url.empty() && url.back() == '/';
  return (slash ? url.substr(0, url.size() - 1) : url) + std::string(path);
}

}  // namespace

// One question at a time; a new round forgets the question that is under way.
void Core::Parts::ask_customer(Now now) {
  if (heard.asking && !leases.begins_round(now, trust::RootKind::kSite)) return;
  for (const trust::LeaseRequest& request : leases.due(now, trust::RootKind::kSite, 1)) {
    if (options.lease_url.empty()) {
      const std::string why =
          "the site's policy wants leases by the customer, and no lease server "
          "is configured: set \"lease_url\"";
      if (lease_error != why) log(LogLevel::kError, "no lease", why);
      lease_error = why;
      continue;
    }
    trust::LeaseQuestion question{
        request.site, keys.identity.public_key(), request.nonce, heard.mark, {}};
    for (const trust::GrantId& id : request.grants) {
      const auto* user = leases.device_of(id);
      question.grants.push_back({id, user != nullptr ? *user : trust::IdentityKey{}});
    }
    heard.asking = true;
    effects.events.emplace_back(
        AskLease{joined(options.lease_url, trust::kLeasePath), question.render()});
  }
}

// Revocations that the coordinator may have held back. What does not verify yet waits in a place of
// its own: whoever changes answers on the way pushes out nothing that waits from elsewhere.
void Core::Parts::hear(Now now, std::vector<note::Note> revocations) {
  for (note::Note& note : heard.unsure) revocations.push_back(std::move(note));
  heard.unsure.clear();
  const auto results = evidence.offer_all(revocations, now);
  for (std::size_t i = 0; i < revocations.size(); ++i) {
    if (results[i] && results[i]->kind != trust::ChangeKind::kNone) {
      notes_dirty = access_dirty = state_dirty = true;
    }
    if (results[i] || results[i].error().code != ErrorCode::kUnverified) continue;
    if (heard.unsure.size() >= kMaxHeard) heard.unsure.pop_front();
    heard.unsure.push_back(std::move(revocations[i]));
  }
  say_alarms(now);
}

// True: the lease was in it. False: there is more to tell first.
Result<bool> Core::Parts::take_answer(Now now, const Result<std::string>& answer) {
  if (!answer && answer.error().code == ErrorCode::kStale && heard.mark != trust::DocumentMark{}) {
    heard.mark = {};  // another server, or one that has begun anew
    return false;
  }
  auto notes = answer ? note::parse_bundle(*answer) : fail_with(answer.error());
  if (!notes) return fail_with(notes.error());
  const auto is = [](trust::Kind kind) {
    return [kind](const note::Note& note) { return trust::kind_of(note.text) == kind; };
  };
  const auto lease = std::find_if(notes->begin(), notes->end(), is(trust::Kind::kLease));
  const bool leased = lease != notes->end();
  for (auto note = notes->begin(); note != lease; ++note) {
    heard.mark = trust::RevocationLog::next(heard.mark, *note);
  }
  Status taken = leased           ? take_lease(now, *lease)
                 : notes->empty() ? Status(fail(ErrorCode::kInvalid, "the answer holds no lease"))
                                  : Status();
  std::erase_if(*notes, std::not_fn(is(trust::Kind::kRevocation)));
  hear(now, std::move(*notes));  // they count although the lease may be late
  if (!taken) return fail_with(taken.error());
  return leased;
}

void Core::Parts::customer_answered(Now now, const Result<std::string>& answer) {
  heard.asking = false;
  const auto leased = take_answer(now, answer);
  if (leased && !*leased) {
    if (++heard.tellings >= kMaxTellings) {
      heard.tellings = 0;  // the next round goes on
    } else {
      leases.ask_again(now, trust::RootKind::kSite);
      ask_customer(now);
    }
    return;
  }
  heard.tellings = 0;
  const std::string why = leased ? "" : leased.error().message;
  if (!leased && lease_error.empty()) {
    log(LogLevel::kWarning, "no lease from the customer's lease server, trying again",
        options.lease_url + ": " + why);
  } else if (leased && !lease_error.empty()) {
    log(LogLevel::kInfo, "the customer's lease server answers again", options.lease_url);
  }
  lease_error = why;
  ask_customer(now);  // for what did not fit into that question
}

}  // namespace culvert::agent

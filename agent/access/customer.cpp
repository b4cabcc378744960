#include "agent/access/customer.hpp"

#include <algorithm>

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

// A new round forgets the question that is under way.
void CustomerLeases::ask(Now now) {
  if (asking_ && !leases_.begins_round(now, trust::RootKind::kSite)) return;
  for (const trust::LeaseRequest& request : leases_.due(now, trust::RootKind::kSite, 1)) {
    if (basis_.options.lease_url.empty()) {
      const std::string why =
          "the site's policy wants leases by the customer, and no lease server "
          "is configured: set \"lease_url\"";
      if (error_ != why) basis_.log(LogLevel::kError, "no lease", why);
      error_ = why;
      continue;
    }
    trust::LeaseQuestion question{request.site, basis_.self(), request.nonce, mark_, {}};
    for (const trust::GrantId& id : request.grants) {
      const auto* user = leases_.device_of(id);
      question.grants.push_back({id, user != nullptr ? *user : trust::IdentityKey{}});
    }
    asking_ = true;
    basis_.events.emplace_back(
        AskLease{joined(basis_.options.lease_url, trust::kLeasePath), question.render()});
  }
}

// A revocation that does not verify yet waits in a place of its own: somebody who changes answers
// on the way pushes out nothing that waits from elsewhere.
void CustomerLeases::hear(Now now, std::vector<note::Note> revocations) {
  for (note::Note& note : unsure_) revocations.push_back(std::move(note));
  unsure_.clear();
  const auto results = basis_.evidence.offer_all(now, revocations);
  for (std::size_t i = 0; i < revocations.size(); ++i) {
    if (results[i] && results[i]->kind != trust::ChangeKind::kNone) basis_.changes.all();
    if (results[i] || results[i].error().code != ErrorCode::kUnverified) continue;
    if (unsure_.size() >= kMaxUnsure) unsure_.pop_front();
    unsure_.push_back(std::move(revocations[i]));
  }
  alarms_.write(now);
}

// True: the answer held the lease. False: the server has more revocations to tell first.
Result<bool> CustomerLeases::take(Now now, const Result<std::string>& answer) {
  if (!answer && answer.error().code == ErrorCode::kStale && mark_ != trust::DocumentMark{}) {
    mark_ =
        {};  // another server answers, or the server has begun anew: it tells all from the start
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
    mark_ = trust::RevocationLog::next(mark_, *note);
  }
  Status taken;
  if (leased) {
    taken = leases_.take(now, *lease, basis_.evidence);
    if (taken) basis_.changes.access = true;
  } else if (notes->empty()) {
    taken = fail(ErrorCode::kInvalid, "the answer holds no lease");
  }
  std::erase_if(*notes, std::not_fn(is(trust::Kind::kRevocation)));
  hear(now, std::move(*notes));  // the revocations count even when the lease is late
  if (!taken) return fail_with(taken.error());
  return leased;
}

void CustomerLeases::handle_answer(Now now, const Result<std::string>& answer) {
  asking_ = false;
  const auto leased = take(now, answer);
  if (leased && !*leased) {
    if (++tellings_ >= kMaxTellings) {
      tellings_ = 0;  // the next round goes on
    } else {
      leases_.ask_again(now, trust::RootKind::kSite);
      ask(now);
    }
    return;
  }
  tellings_ = 0;
  if (!leased && !error_) {
    basis_.log(LogLevel::kWarning, "no lease from the customer's lease server, trying again",
               basis_.options.lease_url + ": " + leased.error().message);
  } else if (leased && error_) {
    basis_.log(LogLevel::kInfo, "the customer's lease server answers again",
               basis_.options.lease_url);
  }
  if (leased) {
    error_.reset();
  } else {
    error_ = leased.error().message;
  }
  ask(now);  // for the grants that did not fit into that question
}

}  // namespace culvert::agent

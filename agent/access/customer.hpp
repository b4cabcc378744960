// Leases by the customer's own lease server: they reach a site's agent without the vendor. With its
// answers the server also tells revocations, which the vendor's coordinator may hold back.
//
// In order: a lease is due → ask() → AskLease to the shell, one question at a time → the shell
// gives the answer to handle_answer() → the lease counts (Leases::take()) and the revocations go to
// the evidence → the next question.
#pragma once

#include <deque>
#include <optional>

#include "agent/access/alarm_log.hpp"
#include "agent/access/leases.hpp"
#include "proto/trust/statements/document_mark.hpp"

namespace culvert::agent {

class CustomerLeases {
 public:
  static constexpr std::size_t kMaxTellings = 32;  // answers without a lease in a row, then a pause
  static constexpr std::size_t kMaxUnsure = 256;   // revocations not verified yet; the oldest go

  CustomerLeases(Basis& basis, Leases& leases, AlarmLog& alarms)
      : basis_(basis), leases_(leases), alarms_(alarms) {}

  void ask(Now now);  // the question that is due, if there is one and none is under way
  void handle_answer(Now now, const Result<std::string>& answer);
  // Why the last question brought no lease; nothing: it did, or none was asked.
  const std::optional<std::string>& error() const { return error_; }

 private:
  Result<bool> take(Now now, const Result<std::string>& answer);
  void hear(Now now, std::vector<note::Note> revocations);

  Basis& basis_;
  Leases& leases_;
  AlarmLog& alarms_;
  trust::DocumentMark mark_;       // of the revocations heard so far, see trust::RevocationLog
  bool asking_ = false;            // a question is under way
  std::size_t tellings_ = 0;       // answers without a lease so far
  std::deque<note::Note> unsure_;  // revocations that rest on something which is not known here
  std::optional<std::string> error_;
};

}  // namespace culvert::agent

// The evidence's alarms (proto/trust/register/alarms.hpp), once each into the audit log and the
// operator's log. Each kind of alarm at each site has a rate, so that a signer of contradictions
// pushes nothing out of either log. New nodes have no rate: the customer's tokens bound their
// number.
#pragma once

#include <map>
#include <utility>

#include "agent/access/basis.hpp"
#include "proto/core/rate_limit.hpp"

namespace culvert::agent {

class AlarmLog {
 public:
  explicit AlarmLog(Basis& basis) : basis_(basis) {}

  void write(Now now);  // the alarms that were raised since the last call

 private:
  bool concerns_this_node(const trust::Alarm& alarm) const;

  Basis& basis_;
  std::uint64_t written_ = 0;  // number of the last alarm that was looked at
  std::map<std::pair<trust::SiteId, trust::AlarmKind>, RateLimit> rates_;
};

}  // namespace culvert::agent

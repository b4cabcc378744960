// Which rights are in force now: decided from the grants in force, the leases, the publishers that
// answer, and the state of the audit log; compared with the rights before.
//
// In order: Evidence::live() → concerning() → decide(): right_of() for each grant that a lease
// covers; the audit entry of a new right is durable before the right exists → permits() for Mesh →
// Mesh cuts what has ended → record_ends(): the audit entries of rights that have ended.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/access/basis.hpp"
#include "agent/access/leases.hpp"
#include "agent/access/rights.hpp"

namespace culvert::agent {

// What ended a right. The text of RightEnd is for people; programs read this.
enum class EndedBy { kAuditLog, kLock, kPolicy, kLease, kPublisher, kStatements };
struct RightEnd {
  EndedBy by = EndedBy::kStatements;
  std::string text;
};

class Granted {
 public:
  static constexpr std::size_t kMaxDisputed = 1024;  // grants whose refusal is logged only once

  Granted(Basis& basis, const Leases& leases) : basis_(basis), leases_(leases) {}

  const Rights& rights() const { return rights_; }
  const Permits& permits() const { return permits_; }
  // `may_begin`: false while the site store cannot keep the floors; then no right begins.
  void decide(Now now, const std::vector<trust::LiveGrant>& live, const Silent& silent,
              bool may_begin);
  void record_ends(Now now);  // after Mesh has applied permits()

 private:
  struct Ended {
    Right right;
    RightEnd end;
    std::optional<std::string> moved_to;  // the right goes on with this publisher
  };
  Rights desired(Now now, const std::vector<trust::LiveGrant>& live, const Silent& silent,
                 bool may_begin);
  std::optional<Right> right_for(const trust::LiveGrant& one, const Rights& so_far,
                                 const Silent& silent);
  bool begin(Now now, const Right& right);
  RightEnd end_of(Now now, const Right& right) const;

  Basis& basis_;
  const Leases& leases_;
  Rights rights_;
  Permits permits_;
  std::vector<Ended> ended_;           // not in the audit log yet
  std::set<trust::GrantId> disputed_;  // not in force: another identity has the WireGuard key
  bool broken_said_ = false;
};

}  // namespace culvert::agent

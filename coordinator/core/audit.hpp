// What a node may write into the coordinator's copy of the audit log, and how much at once. The
// lines come from control::AuditUpload (questions.cpp) and go on to the ledger.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "proto/audit/entry.hpp"
#include "proto/core/rate_limit.hpp"
#include "proto/trust/evidence.hpp"

namespace culvert::coordinator {

// A node speaks of itself, its person and its site, in UTF-8. kInvalid, naming what is wrong:
//   any node   never an approval or a revocation, which the coordinator alone reports
//   agent      its own site, services below it, grants of that site; who: itself or a person
//   device     who: itself or its own person; its own key; its own grants
Status may_report(const trust::Node& node, const audit::Entry& entry,
                  const trust::Evidence& evidence);

inline constexpr std::size_t kAuditRate = 16U << 10U;  // bytes a second from one node
inline constexpr std::size_t kAuditBurst = 4U << 20U;  // bytes at once from one node
// bytes a second from all agents of one site
inline constexpr std::size_t kSiteAuditRate = 64U << 10U;
inline constexpr std::size_t kSiteAuditBurst = 16U << 20U;
inline constexpr std::size_t kVendorAuditRate = 1U << 20U;  // bytes a second from all devices
inline constexpr std::size_t kVendorAuditBurst = 64U << 20U;
inline constexpr std::size_t kMaxAuditSources = 8192;  // sources with a bucket of their own

// How much audit the nodes have handed in: token buckets, one for each node and one for each site.
// A node that sends too much is refused. Other nodes are not, as long as their site has room.
class AuditQuota {
 public:
  Status take(Instant now, const trust::Node& node, std::size_t bytes);  // kExhausted

 private:
  std::map<trust::IdentityKey, RateLimit> nodes_;
  std::map<std::string, RateLimit> sites_;  // by name; "" is the vendor's devices
};

}  // namespace culvert::coordinator

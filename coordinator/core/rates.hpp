// Token buckets, one for each owner: `burst` units at once, then one unit every `interval`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "proto/core/rate_limit.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kMaxRated =
    16'384;  // owners; beyond, owners with a full bucket are forgotten

class Rates {
 public:
  // `what` names the units in the refusal: "requests", "questions".
  Rates(std::string what, std::int64_t burst, Duration interval)
      : what_(std::move(what)), burst_(burst), interval_(interval) {}

  // Takes `units` from the owner's bucket. kExhausted: the bucket has fewer units and keeps them.
  Status take(Instant now, const std::string& owner, std::size_t units);
  std::size_t size() const { return buckets_.size(); }

 private:
  std::string what_;
  std::int64_t burst_;
  Duration interval_;
  std::map<std::string, RateLimit> buckets_;
};

// The coordinator's buckets. Owners are nodes or proven keys, and sources before a login, unless
// the comment of a bucket names another owner.
struct Buckets {
  Rates requests{"requests for access", 32, 5s};  // by device
  Rates questions{"questions", 256, 62ms};
  Rates leases{"questions for a lease", 2048, 8ms};
  Rates statements{"statements", 1024, 31ms};
  Rates revocations{"revocations", 2048, 125ms};
  Rates renewals{"new statements of one agent", 16, 60s};  // by identity
  Rates site_renewals{"new statements of the site's agents", 1024, 1s};
  Rates refused_agents{"refused agents", 4, 600s};  // alarms, by enrolment
};

}  // namespace culvert::coordinator

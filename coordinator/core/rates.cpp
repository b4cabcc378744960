#include "coordinator/core/rates.hpp"

#include <chrono>

namespace culvert::coordinator {

Status Rates::take(Instant now, const std::string& owner, std::size_t units) {
  if (units == 0) return {};
  if (buckets_.size() >= kMaxRated && !buckets_.contains(owner)) {
    std::erase_if(buckets_, [&](const auto& bucket) { return bucket.second.is_full(now); });
    // All buckets are in use. The first is forgotten, so its owner gets a full bucket.
    if (buckets_.size() >= kMaxRated) buckets_.erase(buckets_.begin());
  }
  auto& bucket = buckets_.try_emplace(owner, interval_, burst_).first->second;
  const auto cost = interval_ * static_cast<std::int64_t>(units);
  if (bucket.take(now, cost)) return {};
  const auto wait = std::chrono::ceil<std::chrono::seconds>(bucket.next() + cost - interval_ - now);
  return fail(ErrorCode::kExhausted, "too many " + what_ + " in a short time; go on in " +
                                         std::to_string(wait.count()) + " s");
}

}  // namespace culvert::coordinator

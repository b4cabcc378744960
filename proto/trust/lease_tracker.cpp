#include "proto/trust/lease_tracker.hpp"

#include <algorithm>

#include "proto/trust/policy.hpp"

namespace culvert::trust {

LeaseTracker::LeaseTracker(SiteRef site, IdentityKey agent, std::chrono::seconds length, Rng& rng)
    : site_(std::move(site)), agent_(agent), length_(std::min(length, kMaxLease)), rng_(rng) {}

void LeaseTracker::set_length(std::chrono::seconds length) {
  length_ = std::min(length, kMaxLease);
}

void LeaseTracker::set_wanted(std::vector<GrantId> grants, Instant now) {
  std::sort(grants.begin(), grants.end());
  grants.erase(std::unique(grants.begin(), grants.end()), grants.end());
  if (grants.size() > kMaxLeaseGrants) grants.resize(kMaxLeaseGrants);
  const bool more = !std::includes(wanted_.begin(), wanted_.end(), grants.begin(), grants.end());
  wanted_ = std::move(grants);
  if (wanted_.empty()) {
    next_ask_ = Instant::never();
    outstanding_.reset();
  } else if (more) {
    next_ask_ = now;
  }
}

void LeaseTracker::ask_now(Instant now) {
  if (!wanted_.empty()) next_ask_ = now;
}

std::optional<LeaseRequest> LeaseTracker::request(Instant now) {
  if (wanted_.empty() || now < next_ask_) return std::nullopt;
  outstanding_ = LeaseNonce{rng_.array<LeaseNonce::kSize>()};
  sent_at_ = now;
  next_ask_ = now + length_ / 3;
  return LeaseRequest{site_, *outstanding_, wanted_};
}

Status LeaseTracker::accept(const Lease& verified, Instant now) {
  if (verified.site != site_ || verified.agent != agent_) {
    return fail(ErrorCode::kUnverified, "lease: for another site or agent");
  }
  if (!outstanding_ || verified.nonce != *outstanding_) {
    return fail(ErrorCode::kStale, "lease: not the answer to the outstanding question");
  }
  outstanding_.reset();
  if (now >= sent_at_ + length_) return fail(ErrorCode::kStale, "lease: the answer came too late");
  covered_ = verified.grants;
  covered_from_ = sent_at_;
  return {};
}

bool LeaseTracker::covers(const GrantId& grant, Instant now) const {
  return now < covered_until(grant);
}

Instant LeaseTracker::covered_until(const GrantId& grant) const {
  const bool listed = std::binary_search(covered_.begin(), covered_.end(), grant);
  return listed ? covered_from_ + length_ : Instant{std::numeric_limits<std::int64_t>::min()};
}

Instant LeaseTracker::next_deadline(Instant now) const {
  const auto lapse = covered_from_ + length_;
  return covered_.empty() || lapse <= now ? next_ask_ : std::min(next_ask_, lapse);
}

}  // namespace culvert::trust

#include "proto/trust/grants/lease_tracker.hpp"

#include <algorithm>

#include "proto/trust/statements/policy.hpp"

namespace culvert::trust {

LeaseTracker::LeaseTracker(SiteRef site, IdentityKey agent, std::chrono::seconds length, Rng& rng)
    : site_(std::move(site)), agent_(agent), length_(std::min(length, kMaxLease)), rng_(rng) {}

void LeaseTracker::set_length(std::chrono::seconds length) {
  length_ = std::min(length, kMaxLease);
}

void LeaseTracker::set_wanted(Instant now, std::vector<GrantId> grants) {
  const bool idle = wanted_.empty();
  std::map<GrantId, Wanted> next;
  waiting_ = 0;
  for (const auto& id : grants) {
    const auto known = wanted_.find(id);
    const auto added = next.emplace(id, known == wanted_.end() ? Wanted{} : known->second);
    if (added.second && added.first->second.round < round_) ++waiting_;
  }
  wanted_ = std::move(next);
  if (wanted_.empty()) {
    next_ask_ = Instant::never();
    outstanding_.clear();
  } else if (idle) {
    next_ask_ = now;
  }
}

void LeaseTracker::ask_now(Instant now) {
  if (!wanted_.empty()) next_ask_ = now;
}

std::optional<LeaseRequest> LeaseTracker::request(Instant now) {
  if (begins_round(now)) {
    ++round_;
    waiting_ = wanted_.size();
    outstanding_.clear();
    next_ask_ = now + length_ / 3;
  }
  if (waiting_ == 0) return std::nullopt;
  std::vector<std::pair<std::uint64_t, GrantId>> longest;
  for (const auto& [id, wanted] : wanted_) {
    if (wanted.round < round_) longest.emplace_back(wanted.round, id);
  }
  std::sort(longest.begin(), longest.end());
  if (longest.size() > kMaxLeaseGrants) longest.resize(kMaxLeaseGrants);
  std::vector<GrantId> grants;
  for (const auto& [round, id] : longest) {
    wanted_.at(id).round = round_;
    grants.push_back(id);
  }
  std::sort(grants.begin(), grants.end());
  waiting_ -= grants.size();
  if (outstanding_.size() >= kMaxLeaseQuestions) outstanding_.pop_front();
  outstanding_.push_back({LeaseNonce{rng_.array<LeaseNonce::kSize>()}, now, grants});
  return LeaseRequest{site_, outstanding_.back().nonce, std::move(grants)};
}

Status LeaseTracker::accept(Instant now, const Lease& verified) {
  if (verified.site != site_ || verified.agent != agent_) {
    return fail(ErrorCode::kUnverified, "lease: for another site or agent");
  }
  const auto found =
      std::find_if(outstanding_.begin(), outstanding_.end(),
                   [&](const Question& question) { return question.nonce == verified.nonce; });
  if (found == outstanding_.end()) {
    return fail(ErrorCode::kStale, "lease: not the answer to an outstanding question");
  }
  const Question question = std::move(*found);
  outstanding_.erase(found);
  if (now >= question.sent + length_) {
    return fail(ErrorCode::kStale, "lease: the answer came too late");
  }
  for (const auto& id : question.grants) {
    const auto wanted = wanted_.find(id);
    if (wanted == wanted_.end()) continue;
    wanted->second.covered_from.reset();
    const bool listed = std::binary_search(verified.grants.begin(), verified.grants.end(), id);
    if (listed) wanted->second.covered_from = question.sent;
  }
  return {};
}

bool LeaseTracker::covers(Instant now, const GrantId& grant) const {
  return now < covered_until(grant);
}

Instant LeaseTracker::covered_until(const GrantId& grant) const {
  const auto wanted = wanted_.find(grant);
  const bool covered = wanted != wanted_.end() && wanted->second.covered_from;
  return covered ? *wanted->second.covered_from + length_
                 : Instant{std::numeric_limits<std::int64_t>::min()};
}

Instant LeaseTracker::next_deadline(Instant now) const {
  auto next = next_ask_;
  for (const auto& [id, wanted] : wanted_) {
    if (!wanted.covered_from) continue;
    const auto lapse = *wanted.covered_from + length_;
    if (lapse > now) next = std::min(next, lapse);
  }
  return next;
}

}  // namespace culvert::trust

#include "agent/access/offers.hpp"

#include <utility>

namespace culvert::agent {
namespace {

Duration up_to(Duration most, Rng& rng) {
  return Duration{static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(most.count())))};
}

}  // namespace

void Offers::welcomed(Now now, const control::Connected& connected, Rng& rng) {
  at_ = Instant::never();
  notes_.clear();
  if (!connected.offer && kept_.unlike(connected.revocations).empty()) return;
  theirs_ = connected.revocations;
  at_ = now.steady + up_to(connected.offer ? kOfferSoon : kOfferSpread, rng);
}

control::Offer Offers::offer() {
  at_ = Instant::never();
  if (!notes_.empty()) return {0, {}, std::exchange(notes_, {})};
  return {0, kept_.unlike(theirs_), {}};
}

std::size_t Offers::answered(Now now, const std::vector<std::string>& wanted) {
  if (wanted.empty()) {  // the coordinator lacks nothing, or has taken the notes
    if (std::exchange(more_, false)) at_ = now.steady;
    return 0;
  }
  std::size_t bytes = 0;
  for (const std::string& hex : wanted) {
    const auto raw = from_hex(hex);
    const auto id = raw ? crypto::Hash::from(*raw) : std::nullopt;
    const auto* note = id ? kept_.find(*id) : nullptr;
    if (note == nullptr) continue;
    if (bytes + note->size() > kOfferBytes) break;
    bytes += note->size();
    notes_.push_back(*note);
  }
  if (notes_.empty()) return 0;
  more_ = notes_.size() < wanted.size() || wanted.size() >= control::kMaxAuditEntries;
  at_ = now.steady;
  return notes_.size();
}

}  // namespace culvert::agent

#include "agent/core/relay_choice.hpp"

namespace culvert::agent {

std::optional<RelayPlan> RelayChoice::plan(const Access& access) {
  if (access.options().role == Role::kSite) return for_site(access);
  return for_laptop(access);
}

std::optional<RelayPlan> RelayChoice::for_site(const Access& access) {
  const auto* policy = access.evidence().policy(access.own().node().site.id);
  if (policy == nullptr) return std::nullopt;
  RelayPlan plan{relays_of_site(offered_, *policy), {}};
  const bool refused = plan.map.empty() && !offered_.empty();
  if (refused && !all_refused_) {
    lines_.push_back(
        {LogLevel::kError, "no relay may be used",
         "the site's policy names its relays, and the coordinator offers none of them"});
  }
  all_refused_ = refused;
  return plan;
}

RelayPlan RelayChoice::for_laptop(const Access& access) const {
  std::map<trust::SiteId, std::optional<RelayIds>> sites;
  std::vector<RelayIds> named;
  RelayPlan plan;
  for (const auto& [id, right] : access.rights()) {
    const trust::SiteId& site = right.live.grant.site.id;
    const auto [known, is_new] = sites.try_emplace(site);
    if (is_new) {
      const auto* policy = access.evidence().policy(site);
      if (policy != nullptr) known->second = met_at(offered_, *policy);
      if (known->second) named.push_back(*known->second);
    }
    if (known->second) plan.met_at.emplace(right.other.relay, *known->second);
  }
  plan.map = relays_of_laptop(offered_, named);
  return plan;
}

}  // namespace culvert::agent

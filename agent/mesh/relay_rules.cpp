#include "agent/mesh/relay_rules.hpp"

#include <algorithm>

namespace culvert::agent {
namespace {

// The `relay:` line that names the relay; null: none does.
const trust::PolicyRelay* line_for(const control::RelayInfo& relay, const trust::Policy& policy) {
  const auto found =
      std::find_if(policy.relays.begin(), policy.relays.end(), [&](const auto& line) {
        return line.host == relay.host && line.port == relay.port && line.key == relay.key;
      });
  return found == policy.relays.end() ? nullptr : &*found;
}

std::vector<Prefix> everywhere() { return {*parse_prefix("0.0.0.0/0"), *parse_prefix("::/0")}; }

}  // namespace

std::vector<control::RelayInfo> distinct(std::vector<control::RelayInfo> offered) {
  std::set<std::string> ids;
  std::erase_if(offered, [&](const auto& relay) { return !ids.insert(relay.id).second; });
  return offered;
}

std::vector<RelayUse> relays_of_site(const std::vector<control::RelayInfo>& offered,
                                     const trust::Policy& policy) {
  std::vector<RelayUse> out;
  for (const control::RelayInfo& relay : offered) {
    RelayUse use{relay};
    if (policy.relays.empty()) {
      use.inside = policy.privates;
    } else {
      const auto* line = line_for(relay, policy);
      if (line == nullptr) continue;
      use.info.certificate = line->certificate;
      use.inside = everywhere();
    }
    use.kept = out.size() < kKeptRelays;
    out.push_back(std::move(use));
  }
  return out;
}

std::optional<RelayIds> met_at(const std::vector<control::RelayInfo>& offered,
                               const trust::Policy& policy) {
  if (policy.relays.empty()) return std::nullopt;
  RelayIds out;
  for (const RelayUse& use : relays_of_site(offered, policy)) {
    if (use.kept) out.insert(use.info.id);
  }
  return out;
}

std::vector<RelayUse> relays_of_laptop(const std::vector<control::RelayInfo>& offered,
                                       const std::vector<RelayIds>& sites) {
  std::vector<RelayUse> out;
  for (const control::RelayInfo& relay : offered) {
    const bool needed = std::any_of(sites.begin(), sites.end(),
                                    [&](const RelayIds& ids) { return ids.contains(relay.id); });
    out.push_back({relay, {}, out.size() < kKeptRelays || needed});
  }
  return out;
}

}  // namespace culvert::agent

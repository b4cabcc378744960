#include "proto/trust/register/alarms.hpp"

#include <algorithm>

namespace culvert::trust {

void Alarms::raise(AlarmKind kind, const SiteId& site, const IdentityKey& identity,
                   std::string what, WallTime at) {
  auto& share = shares_[{site, kind}];
  const bool raised_already = std::any_of(share.begin(), share.end(), [&](const Alarm& alarm) {
    return alarm.identity == identity && alarm.what == what;
  });
  if (raised_already) return;
  if (share.size() >= kMaxAlarms) share.pop_front();
  share.push_back({++raised_, kind, site, identity, std::move(what), at});
}

std::vector<Alarm> Alarms::all() const {
  std::vector<Alarm> out;
  for (const auto& [key, share] : shares_) out.insert(out.end(), share.begin(), share.end());
  std::sort(out.begin(), out.end(),
            [](const Alarm& a, const Alarm& b) { return a.number < b.number; });
  return out;
}

}  // namespace culvert::trust

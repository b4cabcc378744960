#include "agent/access/listeners.hpp"

namespace culvert::agent {

void Listeners::sync(const Rights& rights) {
  if (!basis_.is_site()) return;
  std::map<Endpoint, std::string> needed;
  std::map<Endpoint, bool> tls;
  for (const auto& [id, right] : rights) {
    needed[right.service] = right.live.service.name.str();
    tls[right.service] = right.live.service.is(trust::Protocol::kTls);
  }
  for (const auto& [endpoint, fqdn] : listening_) {
    if (needed.contains(endpoint)) continue;
    basis_.events.emplace_back(UnlistenService{fqdn, endpoint});
    basis_.events.emplace_back(RemoveAddress{endpoint.address});
  }
  for (const auto& [endpoint, fqdn] : needed) {
    if (listening_.contains(endpoint)) continue;
    basis_.events.emplace_back(AddAddress{endpoint.address});
    basis_.events.emplace_back(ListenService{fqdn, endpoint, tls[endpoint]});
  }
  listening_ = std::move(needed);
}

}  // namespace culvert::agent

// What Relays answers about its relays. Nothing here changes a relay.
#include <algorithm>

#include "agent/mesh/relays.hpp"

namespace culvert::agent {

std::size_t Relays::held_bytes() const {
  std::size_t sum = received_.size();
  for (const auto& relay : relays_) sum += relay->output.packets.size();
  return sum;
}

std::string Relays::name_of(RelayIndex relay) const {
  const auto found = std::find_if(relays_.begin(), relays_.end(),
                                  [&](const auto& each) { return each->index == relay; });
  return found == relays_.end() ? "" : (*found)->use.info.id;
}

std::string Relays::home() const {
  for (const auto& relay : relays_) {
    if (relay->ready()) return relay->use.info.id;
  }
  return {};
}

std::string Relays::home_for(const crypto::RelayKey& peer) const {
  const Relay* relay = ready_for(peer);
  return relay == nullptr ? "" : relay->use.info.id;
}

std::optional<RelayIndex> Relays::index_for(const crypto::RelayKey& peer) const {
  const Relay* relay = ready_for(peer);
  return relay == nullptr ? std::nullopt : std::optional(relay->index);
}

Instant Relays::ready_since(const crypto::RelayKey& peer) const {
  const Relay* relay = ready_for(peer);
  return relay == nullptr ? Instant{} : relay->ready_since;
}

bool Relays::carries(const Relay& relay, const crypto::RelayKey& peer) const {
  const auto named = met_at_.find(peer);
  return named == met_at_.end() || named->second.contains(relay.use.info.id);
}

const Relays::Relay* Relays::ready_for(const crypto::RelayKey& peer) const {
  for (const auto& relay : relays_) {
    if (relay->ready() && carries(*relay, peer)) return relay.get();
  }
  return nullptr;
}

bool Relays::says_gone(const crypto::RelayKey& peer) const {
  bool any = false;
  for (const auto& relay : relays_) {
    if (!relay->ready() || !carries(*relay, peer)) continue;
    if (!relay->not_here.contains(peer)) return false;
    any = true;
  }
  return any;
}

Relays::Relay* Relays::by_connection(ConnectionId id) {
  for (const auto& relay : relays_) {
    if (relay->connection == id && id != 0) return relay.get();
  }
  return nullptr;
}

Relays::Relay* Relays::by_name(const std::string& id) {
  for (const auto& relay : relays_) {
    if (relay->use.info.id == id) return relay.get();
  }
  return nullptr;
}

}  // namespace culvert::agent

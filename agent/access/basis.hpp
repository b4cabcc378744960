// What the parts of Access share: what this node is, what it has verified, what it keeps on disk,
// and what it wants done. Access owns the one Basis; the Basis outlives the parts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/access/effects.hpp"
#include "agent/access/identity.hpp"
#include "agent/access/journal.hpp"
#include "agent/access/options.hpp"
#include "agent/store/memory.hpp"
#include "proto/trust/evidence.hpp"

namespace culvert::agent {

// What has changed and is to be looked at again at the end of the present call.
struct Changes {
  bool access = true;  // the rights may differ from those that were decided last
  bool notes = false;  // the evidence holds other notes than the site store
  bool state = true;   // this agent's state may differ from the state that was sent last

  void all() { access = notes = state = true; }
};

struct Basis {
  Options options;
  NodeKeys keys;
  Memory memory;
  trust::Evidence evidence;
  Journal journal;
  Rng& rng;
  Changes changes = {};
  std::vector<AccessEvent> events = {};
  Outbox outbox = {};

  bool is_site() const { return options.role == Role::kSite; }
  trust::IdentityKey self() const { return keys.identity.public_key(); }
  void log(LogLevel level, std::string event, std::string detail = {}) {
    events.emplace_back(LogLine{level, std::move(event), std::move(detail)});
  }
};

}  // namespace culvert::agent

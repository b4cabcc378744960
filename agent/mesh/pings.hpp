// Pings with a caller that waits for the answer.
//
// In order: `culvert ping` → Prober::ping() → start() → the prober's answer → take() → finish()
// calls the caller.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/mesh/relays.hpp"
#include "agent/mesh/views.hpp"
#include "agent/terms/done.hpp"
#include "proto/path/prober_types.hpp"

namespace culvert::agent {

class Pings {
 public:
  // `name`: the peer's name; `relay`: the peer's relay key.
  void start(path::PingId id, std::string name, const crypto::RelayKey& relay,
             Done<PingResult> done);
  // The first answer to a ping counts, by the quicker path.
  void take(const std::vector<path::PingAnswer>& answers, const Relays& relays);
  void finish();

 private:
  struct Ping {
    std::string name;
    crypto::RelayKey relay;
    Done<PingResult> done;
  };
  std::map<path::PingId, Ping> waiting_;
  std::vector<std::pair<Done<PingResult>, Result<PingResult>>> answered_;
};

}  // namespace culvert::agent

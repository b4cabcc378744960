// The actions that the core wants its shell to do. After each call into the core, the shell drains
// the Effects and carries them out: first `events` in order, then the packets. Who owns the bytes
// of the packets: agent/mesh/effects.hpp.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "agent/access/effects.hpp"
#include "agent/mesh/effects.hpp"

namespace culvert::agent {

// The outbound connection to the coordinator.
struct OpenControl {
  ConnectionId id = 0;
  std::string url;  // http or https, with the path /control/v1
};
struct SendControl {  // one WebSocket binary message
  ConnectionId id = 0;
  Bytes message;
};
struct CloseControl {
  ConnectionId id = 0;
};
using LinkEvent = std::variant<OpenControl, SendControl, CloseControl, LogLine>;

using Effect = std::variant<OpenControl, SendControl, CloseControl, OpenRelay, FlushRelay,
                            CloseRelay, AddAddress, RemoveAddress, ListenService, UnlistenService,
                            CutFlows, ResolveStun, AskLease, LogLine>;

struct Effects : Packets {
  std::vector<Effect> events;

  bool empty() const { return events.empty() && Packets::empty(); }
  void clear() {
    events.clear();
    Packets::clear();
  }
};

}  // namespace culvert::agent

#include "relay/shell/pages.hpp"

namespace culvert::relay {

cli::Manual manual() {
  return {
      cli::kVersion,
      "relay packets between Culvert agents that have no direct path, and answer STUN",
      {"culvert-relay speaks DERP over TLS or WebSocket. It sees sealed packets only, and passes "
       "them between pairs that a coordinator's ticket names. SIGTERM drains it, SIGHUP reads the "
       "ticket keys again. Without a command it serves."},
      {{"The entry for the coordinator's list of relays:",
        "culvert-relay describe --config /etc/culvert/relay.json"}},
      {{"/etc/culvert/relay.json", "configuration, JSON with comments"},
       {"/var/lib/culvert/relay", "key and certificate of a relay that runs as root"},
       {"~/.local/state/culvert/relay", "the same of another user"}},
      {{"XDG_STATE_HOME", "where the state of another user is kept"}},
      {{"0", "done"}, {"1", "failed"}, {"2", "wrong usage"}},
      "culvert(1), culvert-coordinator(1)"};
}

}  // namespace culvert::relay

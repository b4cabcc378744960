#include "coordinator/shell/pages.hpp"

namespace culvert::coordinator {

cli::Manual manual() {
  return {
      cli::kVersion,
      "carry statements between a vendor's engineers and its customers' sites",
      {"culvert-coordinator keeps signed statements, requests and approvals and hands them to "
       "those whom they concern. Nobody trusts it: it can refuse service, but cannot give access. "
       "Without a command it serves."},
      {{"First start:",
        "culvert-coordinator init --url https://control.vendor.example:7443\n"
        "culvert-coordinator vendor add vendor.bundle\n"
        "culvert-coordinator site add site.bundle acme.site\n"
        "culvert-coordinator"},
       {"What happens at one site:",
        "culvert-coordinator audit --follow --site acme.byoc.example.com"}},
      {{"/etc/culvert/coordinator.json", "configuration, JSON with comments"},
       {"/var/lib/culvert/coordinator", "keys and store of a coordinator that runs as root"},
       {"~/.local/state/culvert/coordinator", "the same of another user"}},
      {{"XDG_STATE_HOME", "where the state of another user is kept"}},
      {{"0", "done"}, {"1", "failed"}, {"2", "wrong usage"}},
      "culvert(1), culvert-relay(1)"};
}

}  // namespace culvert::coordinator

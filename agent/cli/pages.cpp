#include "agent/cli/pages.hpp"

namespace culvert::cli {

Manual manual() {
  return {
      kVersion,
      "reach dark services in a customer's cluster, with the customer's consent",
      {"Culvert carries management traffic into a customer's cloud without opening a port. A "
       "vendor's "
       "engineer reaches one service, for a while, after the vendor and the customer said yes. "
       "Both "
       "sides verify every statement themselves; the coordinator that carries them can refuse "
       "service, and can open nothing.",
       "culvert is the agent (culvert up, on the laptop and in the customer's cluster), the "
       "command "
       "line that asks it, and the tool of those who hold keys: the vendor, the customer, the "
       "approvers."},
      {{"The engineer's laptop, once:", "culvert up --token-file laptop.token"},
       {"A first access:",
        "culvert request api.acme.byoc.example.com --reason INC-1 --for 15m --wait\n"
        "culvert run -- curl https://api.acme.byoc.example.com/"},
       {"A database that speaks no TLS to the name:",
        "culvert forward 5432:db.acme.byoc.example.com"},
       {"An approver reads the requests, and signs the text that was read:",
        "culvert requests --key approver.key\nculvert approve sha256:... --key approver.key"},
       {"The customer ends everything at once:", "culvert lock"},
       {"The next policy, signed by two persons who pass the file on:",
        "culvert policy edit --dir acme\n"
        "culvert policy check acme/policy.draft --dir acme\n"
        "culvert policy sign acme/policy.draft --key acme/approver.key"},
       {"One more approver:",
        "culvert key new erin.key --bundle site.bundle --root-hash sha256:... --group approvers "
        "--person erin@acme.example\n"
        "culvert site root add-key erin.key.pub --key acme/root.key --publish"},
       {"Which way packets go:", "culvert ping api.acme.byoc.example.com\nculvert status --watch"}},
      {{"/etc/culvert/agent.json", "configuration of culvert up, JSON with comments"},
       {"/var/lib/culvert/agent", "state of an agent that runs as root"},
       {"~/.local/state/culvert", "state of another user's agent"},
       {"STATE/agent.sock", "the local API (0700 folder: only its owner and root)"},
       {"STATE/audit.log", "the audit log: each entry is written before its connection opens"}},
      {{"CULVERT_STATE", "the state directory, instead of --state"},
       {"CULVERT_TOKEN", "the token of a first culvert up, instead of --token-file"},
       {"XDG_STATE_HOME", "where the state of another user's agent is kept"},
       {"NO_COLOR", "if it is not empty: no colours on a terminal either"}},
      {{"0", "done"},
       {"1", "failed"},
       {"2", "wrong usage"},
       {"3", "no agent is running"},
       {"4", "denied, refused or not verified"},
       {"5", "no answer in time"}},
      "culvert-coordinator(1), culvert-relay(1)"};
}

Names completion_names() {
  return {{"SERVICE", "culvert names services"},
          {"TARGET", "culvert names services"},
          {"SPEC", "culvert names services"},
          {"GRANT", "culvert names grants"},
          {"SHELL", "printf '%s\\n' bash zsh fish"}};
}

}  // namespace culvert::cli

#include "agent/cli/parsed.hpp"

#include <unistd.h>

#include <cstdlib>

#include "agent/cli/show/output.hpp"

namespace culvert::cli {

std::string default_state() {
  if (const char* chosen = std::getenv("CULVERT_STATE")) return chosen;
  if (geteuid() == 0) return "/var/lib/culvert/agent";
  if (const char* state = std::getenv("XDG_STATE_HOME")) return std::string(state) + "/culvert";
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/state/culvert";
}

void on_run(CLI::App* command, Parsed& parsed, std::function<Status()> act, bool agent) {
  command->callback([&parsed, act = std::move(act), agent] {
    parsed.action = [&parsed, act, agent] {
      const auto status = act();
      return agent && parsed.by.key_file.empty() ? finish_call(parsed.common, status)
                                                 : finish(parsed.common, status);
    };
  });
}

void add_key(CLI::App* command, Parsed& p, bool required) {
  auto* key = command->add_option("--key", p.by.key_file, "key file of the person who acts");
  key->type_name("FILE");
  if (required) key->required();
  command->add_option("--coordinator", p.by.coordinator, "URL of another coordinator")
      ->type_name("URL");
}

}  // namespace culvert::cli

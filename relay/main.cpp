// culvert-relay: the command line; relay/shell/serve.hpp is the program.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "proto/cli/completion.hpp"
#include "proto/cli/exit_codes.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/startup.hpp"
#include "relay/shell/pages.hpp"
#include "relay/shell/serve.hpp"

namespace {

int fail_line(const culvert::Error& error, int code) {
  std::cerr << "culvert-relay: " + error.message + "\n";
  return code;
}

int print(const culvert::Result<std::string>& page) {
  if (!page) return fail_line(page.error(), culvert::cli::kExitUsage);
  std::cout << *page;
  return 0;
}

int run(int argc, char** argv) {
  using namespace culvert;
  CLI::App app("Relays packets between Culvert agents (DERP) and answers STUN.", "culvert-relay");
  app.fallthrough();  // options may follow the command
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return "culvert-relay: " + std::string(error.what()) + " (culvert-relay --help)\n";
  });
  std::string config, state, host;
  app.add_option("--config", config, "JSON file (default: /etc/culvert/relay.json, if there)")
      ->type_name("FILE");
  app.add_option("--state", state, "folder for the key and the certificate")->type_name("DIR");
  auto* describe = app.add_subcommand("describe", "print this relay's entry for the coordinator");
  describe->add_option("--host", host, "name or address that clients connect to");
  bool policy_line = false, create = false;
  describe->add_flag("--create", create, "make the key in the default folder where there is none");
  describe->add_flag("--policy-line", policy_line, "print the line for a site's policy instead");
  auto* man = app.add_subcommand("man", "print the manual page");
  std::string shell;
  auto* completion = app.add_subcommand("completion", "print completions for a shell");
  completion->add_option("SHELL", shell, "bash, zsh or fish")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : cli::kExitUsage;
  }
  if (*man) return print(cli::render_manual(cli::describe(app), relay::manual()));
  if (*completion) return print(cli::completion_script(shell, cli::describe(app), {}));
  runtime::harden_process();
  auto settings = relay::load_settings(config);
  if (!settings) return fail_line(settings.error(), cli::kExitUsage);
  if (!state.empty()) settings->state = state;
  if (!host.empty()) settings->host = host;
  runtime::log::set_level(settings->log_level);
  const bool unnamed = config.empty() && settings->state == relay::default_state();
  if (*describe && unnamed && !create && !std::filesystem::exists(settings->state + "/relay.key")) {
    return fail_line({ErrorCode::kNotFound,
                      "no relay has a key in " + settings->state +
                          ", so there is nothing to describe; next: name the relay's "
                          "configuration (--config FILE) or folder (--state DIR), run the relay "
                          "once, or make the key now with --create"},
                     cli::kExitFailed);
  }
  crypto::SystemRng rng;
  auto identity = relay::load_identity(*settings, rng, runtime::Loop().now().wall);
  if (!identity) return fail_line(identity.error(), cli::kExitFailed);
  if (*describe && policy_line) {
    const auto line = relay::policy_line(*settings, *identity);
    if (!line) return fail_line(line.error(), cli::kExitFailed);
    std::cout << *line << "\n";
    return 0;
  }
  if (*describe) {
    std::cout << relay::describe(*settings, *identity) << "\n";
    return 0;
  }
  const auto served = relay::serve(std::move(*settings), std::move(*identity), config, rng);
  return served ? 0 : fail_line(served.error(), cli::kExitFailed);
}

}  // namespace

int main(int argc, char** argv) {
  return culvert::runtime::run_main("culvert-relay", [&] { return run(argc, argv); });
}

// culvert-coordinator: carries statements between a vendor's engineers and its customers' sites.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "coordinator/shell/commands.hpp"
#include "coordinator/shell/pages.hpp"
#include "proto/cli/completion.hpp"
#include "proto/cli/exit_codes.hpp"
#include "proto/runtime/loop/startup.hpp"

using namespace culvert::coordinator;
namespace cli = culvert::cli;

namespace {

int print(const culvert::Result<std::string>& page) {
  if (!page) std::fprintf(stderr, "culvert-coordinator: %s\n", page.error().message.c_str());
  if (page) std::fputs(page->c_str(), stdout);
  return page ? 0 : 2;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{
      "Carries signed statements between a vendor's engineers and its customers' sites.\n"
      "Nobody trusts it: it can refuse service, but cannot give access.",
      "culvert-coordinator"};
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return "culvert-coordinator: " + std::string(error.what()) + " (culvert-coordinator --help)\n";
  });
  CommonOptions common;
  app.add_option("--config", common.config,
                 "configuration file (default /etc/culvert/coordinator.json, where it exists)")
      ->type_name("FILE");
  app.add_option("--state", common.state, "state folder: keys and store")->type_name("DIR");

  app.add_subcommand("run", "serve (the default)");
  std::vector<std::string> urls;
  auto* init = app.add_subcommand("init", "make the keys and coordinator.pub");
  init->add_option("--url", urls, "how clients reach this coordinator: https://host:7443")
      ->type_name("URL")
      ->required()
      ->expected(1, 8);
  auto* vendor = app.add_subcommand("vendor", "the vendor that is served");
  vendor->require_subcommand(1);
  std::string vendor_file;
  auto* vendor_add = vendor->add_subcommand("add", "serve this vendor, or learn its newer roots");
  vendor_add->add_option("FILE", vendor_file, "the vendor's root bundle (- reads standard input)")
      ->required();
  auto* site = app.add_subcommand("site", "the sites that are served");
  site->require_subcommand(1);
  std::vector<std::string> site_files;
  auto* site_add = site->add_subcommand("add", "serve this site");
  site_add
      ->add_option("FILE", site_files, "its root bundle, and the vendor's site statement for it")
      ->required()
      ->expected(1, 16);
  AuditOptions audit;
  auto* audit_command = app.add_subcommand("audit", "print the audit log");
  audit_command->add_flag("--json", audit.json, "one JSON object a line");
  audit_command->add_option("--site", audit.site, "lines of this site only");
  audit_command->add_flag("--follow", audit.follow, "go on with what comes");
  bool status_json = false;
  auto* status = app.add_subcommand("status", "the vendor and sites, and what is missing");
  status->add_flag("--json", status_json, "one JSON object");
  bool json = false;
  app.add_flag("--json", json, "print JSON: status, audit");

  auto* man = app.add_subcommand("man", "print the manual page");
  std::string shell;
  auto* completion = app.add_subcommand("completion", "print completions for a shell");
  completion->add_option("SHELL", shell, "bash, zsh or fish")->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (man->parsed()) return print(cli::render_manual(cli::describe(app), manual()));
  if (completion->parsed()) return print(cli::completion_script(shell, cli::describe(app), {}));
  if (init->parsed()) return run_init(common, urls);
  if (vendor_add->parsed()) return run_vendor_add(common, vendor_file);
  if (site_add->parsed()) return run_site_add(common, site_files);
  audit.json = audit.json || json;
  if (audit_command->parsed()) return run_audit(common, audit);
  if (status->parsed()) return run_status(common, json || status_json);
  return run_coordinator(common);
}

}  // namespace

int main(int argc, char** argv) {
  return culvert::runtime::run_main("culvert-coordinator",
                                    [&] { return parse_and_run(argc, argv); });
}

#include "agent/cli/cli.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "agent/cli/pages.hpp"
#include "agent/cli/parsed.hpp"
#include "agent/cli/show/output.hpp"
#include "proto/runtime/disk/files.hpp"

namespace culvert::cli {
namespace {

constexpr const char* kAbout =
    "Culvert: reach dark services in a customer's cluster, with the customer's consent";
constexpr const char* kLearnMore = R"(
A first access, from the engineer's laptop:
  culvert up --token-file laptop.token
  culvert request api.acme.byoc.example.com --reason "INC-1" --for 15m --wait
  culvert run -- curl https://api.acme.byoc.example.com/
Setting up a vendor, a site and a coordinator: docs/getting-started.md)";

void add_end(CLI::App* revoke, Parsed& p) {
  revoke
      ->add_option("--lease", p.end.lease,
                   "also hand the revocation to the customer's lease server")
      ->type_name("URL");
  revoke->add_option("--out", p.end.out, "also write it, for a folder of documents")
      ->type_name("FILE");
  revoke
      ->add_option("--note", p.end.note,
                   "the grant's note, where the coordinator does not list it; see culvert requests "
                   "--json on the site's agent")
      ->type_name("FILE");
}

void add_approvals(CLI::App& app, Parsed& p) {
  auto* requests =
      app.add_subcommand("requests", "requests: one's own, or with --key those to approve");
  add_key(requests, p, false);
  on_run(
      requests, p,
      [&p] {
        return p.by.key_file.empty() ? agent_requests(p.common) : list_requests(p.common, p.by);
      },
      true);
  auto* approve_ =
      app.add_subcommand("approve", "sign a request, after checking everything under it");
  approve_
      ->add_option("GRANT", p.grant, "hash of the text read in culvert requests, or a grant's id")
      ->required();
  add_key(approve_, p, true);
  on_run(approve_, p, [&p] { return approve(p.common, p.by, p.grant); });
  for (const char* verb : {"deny", "revoke"}) {
    const bool deny = verb == std::string("deny");
    auto* end = app.add_subcommand(
        verb, deny ? "refuse a request (--key), or bar a grant on this agent for ever"
                   : "end a grant at once: as an approver (--key) or as its requester");
    end->add_option("GRANT", p.grant, "its id")->required();
    end->add_option("--reason", p.reason, "why, for the audit log");
    add_key(end, p, false);
    if (!deny) add_end(end, p);
    on_run(
        end, p,
        [&p, deny]() -> Status {
          if (!p.by.key_file.empty()) {
            p.end.grant = p.grant;
            p.end.reason = p.reason;
            p.end.deny = deny;
            return end_grant(p.common, p.by, p.end);
          }
          if (!(p.end.lease + p.end.out + p.end.note).empty()) {
            return Status(fail(ErrorCode::kInvalid,
                               "--lease, --out and --note are for approvers: name a key, --key"));
          }
          return agent_simple(p.common, deny ? "deny" : "revoke", p.grant);
        },
        true);
  }
  auto* audit =
      app.add_subcommand("audit", "the audit log of this agent, or with --key the coordinator's");
  add_key(audit, p, false);
  audit->add_option("--site", p.audit.site,
                    "only that site's (with --key; default: a customer key's own site)");
  audit
      ->add_option("--limit", p.audit.limit,
                   "at most so many entries, the newest first (with --key)")
      ->check(CLI::Range(1, 100'000));
  audit->add_option("--before", p.audit.before, "older than a page before ended (with --key)");
  on_run(
      audit, p,
      [&p] {
        return p.by.key_file.empty() ? agent_audit(p.common)
                                     : coordinator_audit(p.common, p.by, p.audit);
      },
      true);
}

void add_up(CLI::App& app, Parsed& p) {
  auto* up = app.add_subcommand("up", "run the agent, in the foreground");
  up->add_option("--config", p.daemon.config_file,
                 "default: /etc/culvert/agent.json if it is there")
      ->type_name("FILE");
  up->add_option("--token-file", p.token_file, "for the first start; - is standard input")
      ->type_name("FILE");
  up->add_option("--root-hash", p.root_hash, "the customer's pin, for an agent in a site");
  up->add_option("--documents", p.documents, "folder of *.note files: documents without the vendor")
      ->type_name("DIR");
  up->add_option("--name", p.node_name, "of this node (default: the host's)");
  up->add_flag("--tun", p.daemon.tun, "laptops: an interface, so that every program just works");
  up->add_flag("--no-dns", p.daemon.no_dns, "with --tun: leave the machine's resolver alone");
  up->add_option("--owner", p.owner, "laptops: the user who is served (default: the caller's)");
  up->callback([&p] {
    p.action = [&p] {
      p.daemon.state_directory = p.common.state;
      constexpr const char* kDefaultConfig = "/etc/culvert/agent.json";
      if (p.daemon.config_file.empty() && access(kDefaultConfig, F_OK) == 0) {
        p.daemon.config_file = kDefaultConfig;
      }
      if (!p.token_file.empty()) p.daemon.token_file = p.token_file;
      if (!p.root_hash.empty()) p.daemon.root_hash = p.root_hash;
      if (!p.node_name.empty()) p.daemon.name = p.node_name;
      if (!p.documents.empty()) p.daemon.documents = p.documents;
      if (!p.owner.empty()) p.daemon.owner = p.owner;
      return agent::run_daemon(p.daemon);
    };
  });
  const auto simple = [&](const char* name, const char* help) {
    on_run(
        app.add_subcommand(name, help), p, [&p, name] { return agent_simple(p.common, name, {}); },
        true);
  };
  simple("down", "stop the agent");
  simple("lock", "cut all access on this agent, until culvert unlock");
  simple("unlock", "undo lock");
  simple("clock-reset", "accept the present wall clock after it was set back");
  auto* fork = app.add_subcommand("fork", "two texts for one epoch of a root: see and choose");
  fork->require_subcommand(1);
  on_run(
      fork->add_subcommand("list", "the texts that this agent knows, and who signed them"), p,
      [&p] { return agent_forks(p.common); }, true);
  auto* choose = fork->add_subcommand("choose", "the text that counts on this agent from now on");
  choose->add_option("TEXT", p.target, "its hash, sha256:...")->required();
  on_run(
      choose, p, [&p] { return agent_fork_choose(p.common, p.target); }, true);
}

void add_use(CLI::App& app, Parsed& p) {
  auto* status = app.add_subcommand("status", "peers, paths, grants, relay, health");
  status->add_flag("--watch", p.watch, "redraw every second");
  status->add_flag("--counters", p.counters, "print the counters instead, as Prometheus text");
  on_run(
      status, p,
      [&p] { return p.counters ? agent_counters(p.common) : agent_status(p.common, p.watch); },
      true);
  on_run(
      app.add_subcommand("services", "services in reach now"), p,
      [&p] { return agent_services(p.common); }, true);
  auto* request = app.add_subcommand("request", "ask for access to a service");
  request->add_option("SERVICE", p.request.service, "its full name")->required();
  request->add_option("--reason", p.request.reason, "what for; approvers read it")->required();
  request->add_option("--for", p.request.length, "how long")->type_name("TIME")->default_val("1h");
  request
      ->add_option("--claim", p.request.claim,
                   "how long the grant waits for its first use; else as the policy says")
      ->type_name("TIME");
  request->add_option("--start", p.request.start, "begin then, such as 2026-11-21T15:00:00Z")
      ->type_name("WHEN");
  request->add_flag("--wait", p.request.wait,
                    "until it is usable or refused; Ctrl-C leaves it standing");
  on_run(
      request, p, [&p] { return agent_request(p.common, p.request); }, true);
  auto* ping = app.add_subcommand("ping", "path and round trip time to a service or peer");
  ping->add_option("TARGET", p.target, "service name or peer name")->required();
  ping->add_option("-c,--count", p.count, "number of pings (default: until direct, at most 10)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  on_run(
      ping, p, [&p] { return agent_ping(p.common, p.target, p.count); }, true);
  auto* run = app.add_subcommand("run", "run a command whose connections go through the mesh");
  run->add_option("COMMAND", p.run.words, "after --, with its arguments")->required();
  run->prefix_command();
  run->callback([&p, run] {
    for (const auto& word : run->remaining()) {
      if (word != "--" || !p.run.words.empty()) p.run.words.push_back(word);
    }
    p.action = [&p] { return agent_run(p.common, p.run); };
  });
  on_run(
      app.add_subcommand("proxy", "address of the SOCKS5 and HTTP CONNECT proxy"), p,
      [&p] { return agent_proxy(p.common); }, true);
  auto* forward = app.add_subcommand("forward", "a local port that leads to a service");
  forward->add_option("SPEC", p.spec, "LOCALPORT:SERVICE[:PORT]")->required();
  on_run(
      forward, p, [&p] { return agent_forward(p.common, p.spec); }, true);
  on_run(
      app.add_subcommand("forwards", "list the forwards"), p,
      [&p] { return agent_forwards(p.common); }, true);
  auto* end = app.add_subcommand("forward-end", "end a forward, with its connections");
  end->add_option("PORT", p.port, "its local port")->required();
  on_run(
      end, p, [&p] { return agent_forward_end(p.common, p.port); }, true);
  on_run(
      app.add_subcommand("ca", "certificate authorities of the services in reach, PEM"), p,
      [&p] { return agent_ca(p.common); }, true);
}

void add_wireguard(CLI::App& app, Parsed& p) {
  auto* wireguard =
      app.add_subcommand("wireguard", "one WireGuard interface for wg and wg-quick; no agent");
  wireguard->add_flag("-f,--foreground", p.wireguard.foreground, "stay in the foreground");
  wireguard->add_option("--lanes", p.wireguard.lanes, "threads that carry packets")
      ->type_name("NUMBER");
  wireguard->add_option("IFNAME", p.wireguard.interface, "its name")->required();
  wireguard->callback([&p] { p.action = [&p] { return agent::run_wireguard(p.wireguard); }; });
}

// The words of the command line, the last first, as CLI11 takes them. culvert-wireguard means
// `culvert wireguard`.
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const std::string_view program = argc > 0 ? argv[0] : "";
  if (program.substr(program.rfind('/') + 1) == "culvert-wireguard") {
    words.insert(words.begin(), "wireguard");
  }
  std::reverse(words.begin(), words.end());
  return words;
}

Command tree(const CLI::App& app) {
  auto out = describe(app);
  for (auto& option : out.options) {
    if (option.names.back() == "--state") option.preset.clear();  // the default differs by machine
  }
  return out;
}

void add_pages(CLI::App& app, Parsed& p) {
  auto* man = app.add_subcommand("man", "this program's manual page: culvert man | man -l -");
  on_run(man, p, [&app]() -> Status {
    std::cout << render_manual(tree(app), manual());
    return {};
  });
  auto* completion = app.add_subcommand(
      "completion", "completions for a shell: source <(culvert completion bash)");
  completion->add_option("SHELL", p.kind, "bash, zsh or fish")->required();
  on_run(completion, p, [&app, &p]() -> Status {
    const auto script = completion_script(p.kind, tree(app), completion_names());
    if (!script) return fail_with(script.error());
    std::cout << *script;
    return {};
  });
  auto* names = app.add_subcommand("names", "for completions: services or grants, one a line");
  names->group("");
  names->add_option("KIND", p.kind, "services or grants")->required();
  on_run(
      names, p, [&p] { return agent_names(p.common, p.kind); }, true);
}

// The help of the innermost command that the command line names.
std::string help_of(const CLI::App& app) {
  std::string out = app.get_name();
  for (auto named = app.get_subcommands(); !named.empty();
       named = named.front()->get_subcommands()) {
    out += " " + named.front()->get_name();
  }
  return " (" + out + " --help)";
}

// The first word that should be a command and is none. CLI11 itself only says that a command is
// required.
std::optional<std::string> unknown_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* level = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--state") ++i;
    if (word.starts_with('-')) continue;
    const auto commands = level->get_subcommands([](const CLI::App*) { return true; });
    const auto next = std::find_if(commands.begin(), commands.end(),
                                   [&](const auto* one) { return one->check_name(word); });
    if (commands.empty()) return std::nullopt;  // the command's own arguments
    if (next == commands.end()) return word;
    level = *next;
  }
  return std::nullopt;
}

void add_everything(CLI::App& app, Parsed& parsed) {
  app.footer("With every command: --state DIR (the agent's folder), --json");  // of subcommands
  app.set_version_flag("--version", kVersion);
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return "culvert: " + std::string(error.what()) + help_of(*failed) + "\n";
  });
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--state", parsed.common.state, "the agent's state directory")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_flag("--json", parsed.common.json, "print JSON");
  add_up(app, parsed);
  add_use(app, parsed);
  add_approvals(app, parsed);
  add_vendor(app, parsed);
  add_site(app, parsed);
  add_policy(app, parsed);
  add_device(app, parsed);
  add_keys(app, parsed);
  add_carrying(app, parsed);
  add_wireguard(app, parsed);
  add_pages(app, parsed);
  app.footer(kLearnMore);
}

}  // namespace

Command command_tree() {
  CLI::App app{kAbout, "culvert"};
  Parsed parsed;
  add_everything(app, parsed);
  return tree(app);
}

int run(int argc, char** argv) {
  runtime::harden_process();
  CLI::App app{kAbout, "culvert"};
  Parsed parsed;
  add_everything(app, parsed);
  try {
    app.parse(words_of(argc, argv));
  } catch (const CLI::RequiredError& error) {
    if (const auto word = unknown_command(app, argc, argv)) {
      hint("culvert: no such command: " + *word + " (culvert --help)");
      return kExitUsage;
    }
    app.exit(error);
    return kExitUsage;
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitOk : kExitUsage;
  }
  return parsed.action ? parsed.action() : kExitUsage;
}

}  // namespace culvert::cli

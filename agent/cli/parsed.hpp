// The options of every command, and the functions that declare the commands to CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "agent/cli/approvals/commands.hpp"
#include "agent/cli/day_two/commands.hpp"
#include "agent/cli/people/by_key.hpp"
#include "agent/cli/people/new_key.hpp"
#include "agent/cli/running/commands.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/site/commands.hpp"
#include "agent/shell/daemon.hpp"
#include "agent/wireguard/program.hpp"

namespace culvert::cli {

std::string default_state();  // of this user

// The values of all options, and the action of the command that the user has chosen.
struct Parsed {
  Common common{default_state(), false};
  agent::DaemonOptions daemon;
  std::string token_file, root_hash, node_name, owner, documents;
  VendorInit vendor_init;
  VendorCollect collect;
  VendorSite vendor_site;
  SiteInit site_init;
  SiteToken site_token;
  DeviceToken device_token;
  DeviceAdmit device_admit;
  DeviceRevoke device_revoke;
  PolicyWork policy;
  RootWork root;
  Ending ending;
  Work work;
  NewKey new_key;
  std::vector<std::string> files;
  ByKey by;
  AuditPage audit;
  SiteFresh site_fresh;
  LeaseServe lease_serve;
  EndGrant end;
  Request request;
  RunCommand run;
  agent::WireguardOptions wireguard;
  std::string grant, reason = "ended by an approver", target, spec, kind;
  int count = 0, port = 0;
  bool watch = false, counters = false;
  std::function<int()> action;
};

// Makes `act` the action of `command`. `agent`: without a key the running agent carries the command
// out; if no agent runs, the exit code says so.
void on_run(CLI::App* command, Parsed& parsed, std::function<Status()> act, bool agent = false);
void add_key(CLI::App* command, Parsed& p, bool required);

// key_holders.cpp: commands of persons with keys, which need no running agent.
void add_vendor(CLI::App& app, Parsed& p);
void add_site(CLI::App& app, Parsed& p);
void add_site_documents(CLI::App* site, Parsed& p);
void add_device(CLI::App& app, Parsed& p);

// day_two_parsed.cpp: policies, roots, endings, keys.
void add_policy(CLI::App& app, Parsed& p);
void add_root(CLI::App* parent, Parsed& p, trust::RootKind kind);
void add_endings(CLI::App* site, Parsed& p);
void add_keys(CLI::App& app, Parsed& p);
void add_carrying(CLI::App& app, Parsed& p);  // take, publish

}  // namespace culvert::cli

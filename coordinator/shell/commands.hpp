// The subcommands of culvert-coordinator. Each command prints to standard output, reports an error
// in one line on standard error, and returns the exit code: 0 done, 1 failed.
#pragma once

#include <string>
#include <vector>

namespace culvert::coordinator {

struct CommonOptions {
  std::string config;  // --config; empty: /etc/culvert/coordinator.json where it exists
  std::string state;   // --state; empty: the configuration's, else the default folder
};

int run_coordinator(const CommonOptions& common);
int run_init(const CommonOptions& common, const std::vector<std::string>& urls);
int run_vendor_add(const CommonOptions& common, const std::string& file);
int run_site_add(const CommonOptions& common, const std::vector<std::string>& files);
int run_status(const CommonOptions& common, bool json);

struct AuditOptions {
  std::string site;  // empty: all sites
  bool json = false;
  bool follow = false;
};
int run_audit(const CommonOptions& common, const AuditOptions& options);

}  // namespace culvert::coordinator

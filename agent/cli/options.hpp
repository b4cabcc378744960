// What each command is told on the command line, and the functions that carry them out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/core/result.hpp"

namespace culvert::cli {

struct Common {
  std::string state;  // the agent's state directory
  bool json = false;
};

// Ceremony, without an agent and without a network (vendor.cpp, site.cpp).
struct VendorInit {
  std::string folder, name, person;
};
struct VendorCollect {
  std::string folder, coordinator_pub;
};
struct VendorSite {
  std::string folder, site_bundle, hash, out;
};
struct SiteInit {
  std::string name, vendor_bundle, vendor_hash, folder, person, group, maximum, lease, lease_by,
      agent;
  std::string tag;                    // of every service; empty: each has its own
  std::vector<std::string> services;  // LABEL=tls:PORT or LABEL=tcp:PORT
};
struct SiteToken {
  std::string folder, key, out, lifetime, name, renewal, coordinator;
  std::string replaces;  // ed25519:… or none; empty: the coordinator is asked who has the name
  int nodes = 1;
  std::vector<std::string> tags;  // empty: of all services
};
struct DeviceToken {
  std::string folder, person, out;
  std::vector<std::string> groups;
};
Status vendor_init(const VendorInit& options);
Status vendor_collect(const Common& common, const VendorCollect& options);
Status vendor_site(const VendorSite& options);
Status site_init(const SiteInit& options);
Status site_token(const Common& common, const SiteToken& options);
Status device_token(const Common& common, const DeviceToken& options);

// People with a key, over the control channel (approver.cpp).
struct ByKey {
  std::string key_file;
  std::string coordinator;  // URL; empty: the first of the vendor root
};
Status list_requests(const Common& common, const ByKey& by);
Status approve(const Common& common, const ByKey& by, const std::string& grant);
// Ways to end a grant beside the coordinator; empty: none.
struct EndGrant {
  std::string grant, reason;
  bool deny = false;
  std::string lease;  // URL of the customer's lease server
  std::string out;    // file for a folder of documents
  std::string note;   // file with the grant's note, where the coordinator does not list it
};
Status end_grant(const Common& common, const ByKey& by, const EndGrant& ending);
struct AuditPage {
  std::string site;          // empty: every site
  std::uint64_t before = 0;  // 0: from the newest; else what an earlier page named
  std::size_t limit = 1000;
};
Status coordinator_audit(const Common& common, const ByKey& by, const AuditPage& wanted);

// Laptops, with a device-admission key (devices.cpp).
struct DeviceAdmit {
  std::string text;  // sha256:… of the waiting text; or:
  std::string device, person;
  std::vector<std::string> groups;
  std::string until;  // how long it may be renewed
};
struct DeviceRevoke {
  std::string device, person, reason;
  bool unknown = false;  // also a device or person that neither the ledger nor the list names
};
Status list_devices(const Common& common, const ByKey& by);
Status admit_device(const Common& common, const ByKey& by, const DeviceAdmit& options);
Status renew_devices(const Common& common, const ByKey& by);
Status revoke_device(const Common& common, const ByKey& by, const DeviceRevoke& options);

// Through the running agent (agent_commands.cpp, ask.cpp, ping.cpp, run.cpp).
struct Request {
  std::string service, reason, length;
  std::string claim;  // how long the grant waits for its first use; empty: the policy's time
  std::string start;  // a scheduled start; empty: now
  bool wait = false;
};
struct RunCommand {
  std::vector<std::string> words;
};
Status agent_status(const Common& common, bool watch);
Status agent_services(const Common& common);
Status agent_counters(const Common& common);
Status agent_requests(const Common& common);
Status agent_request(const Common& common, const Request& request);
Status agent_audit(const Common& common);
// `count` 0: until a direct path answers, kMaxPings at most.
Status agent_ping(const Common& common, const std::string& target, int count);
Status agent_forward(const Common& common, const std::string& spec);
Status agent_forwards(const Common& common);
Status agent_forward_end(const Common& common, int port);
Status agent_proxy(const Common& common);
Status agent_ca(const Common& common);
Status agent_names(const Common& common, const std::string& kind);  // services, grants
Status agent_forks(const Common& common);
Status agent_fork_choose(const Common& common, const std::string& text);
// withdraw, deny, lock, unlock, down, clock-reset: one call, one word of confirmation.
Status agent_simple(const Common& common, const std::string& command, const std::string& grant);
int agent_run(const Common& common, const RunCommand& command);  // the child's exit code

}  // namespace culvert::cli

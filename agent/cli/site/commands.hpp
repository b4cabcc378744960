// Commands of the ceremony, which need no agent and no network: a vendor, a site, tokens. Then the
// commands around a site's documents that need no vendor: freshness, the lease server, what agents
// know.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/people/by_key.hpp"
#include "agent/cli/show/common.hpp"
#include "proto/core/result.hpp"
#include "proto/note/note.hpp"

namespace culvert::cli {

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
  std::string tag;                    // tag of every service; empty: a tag for each service
  std::vector<std::string> services;  // LABEL=tls:PORT or LABEL=tcp:PORT
};
struct SiteToken {
  std::string folder, key, out, lifetime, name, renewal, coordinator;
  std::string replaces;  // ed25519:… or none; empty: ask the coordinator who has the name
  int nodes = 1;
  std::vector<std::string> tags;  // empty: the tags of all services
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

struct SiteFresh {
  std::string out;        // file for the new statement or one more signature
  std::string documents;  // folder of newer documents; empty: none
};
Status site_fresh(const ByKey& by, const SiteFresh& options);

struct LeaseServe {
  std::string key_file, listen, documents;
};
Status site_lease_serve(const LeaseServe& options);  // until SIGINT or SIGTERM

Status site_status(const Common& common, const ByKey& by);

// Puts a signed revocation to the lease server at `url`.
Status put_to_lease_server(const std::string& url, const note::Note& revocation);

}  // namespace culvert::cli

// Commands around documents that need no vendor: freshness, the lease server, what agents know.
#pragma once

#include <string>

#include "agent/cli/options.hpp"
#include "proto/note/note.hpp"

namespace culvert::cli {

struct SiteFresh {
  std::string out;        // file to write, or to add a line to
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

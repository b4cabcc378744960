// What an agent of a site knows, for `culvert site status`. Grants no access.
//
//   culvert/state/v1
//   site: <fqdn>
//   site-id: sha256:…
//   agent: ed25519:…               its identity key
//   vendor-root: <n> sha256:…      epoch of its newest vendor root
//   site-root: <n> sha256:…
//   policy: <n> sha256:…
//   revocations: <n> sha256:…      how many the agent knows for this site, and their digest
//   issued: <time>
//
// Signed by the agent.
#pragma once

#include "proto/core/result.hpp"
#include "proto/trust/statements/document_mark.hpp"

namespace culvert::trust {

struct SiteState {
  static constexpr std::string_view kType = "culvert/state/v1";

  SiteRef site;
  IdentityKey agent;
  DocumentMark vendor_root;
  DocumentMark site_root;
  DocumentMark policy;
  DocumentMark revocations;
  WallTime issued;

  static Result<SiteState> parse(std::string_view text);
  std::string render() const;
};

}  // namespace culvert::trust

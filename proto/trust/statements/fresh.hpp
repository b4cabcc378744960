// States which documents of a site are the newest at a moment. Where the policy has a `fresh:`
// line, an agent needs this note for new grants, so that a carrier of documents cannot hold back
// newer documents.
// Signed by a lease key of the site root, or by the site's approvers at their threshold.
//
//   culvert/fresh/v1
//   site: <fqdn>
//   site-id: sha256:…
//   site-root: <n> sha256:…
//   policy: <n> sha256:…
//   issued: <time>
#pragma once

#include "proto/core/result.hpp"
#include "proto/trust/statements/document_mark.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

struct Fresh {
  static constexpr std::string_view kType = "culvert/fresh/v1";

  SiteRef site;
  DocumentMark site_root;
  DocumentMark policy;
  WallTime issued;

  static Result<Fresh> parse(std::string_view text);
  std::string render() const;
};

}  // namespace culvert::trust

// "These are the newest documents of the site, now": what an agent needs for new grants where the
// policy has a `fresh:` line, so that whoever carries the documents cannot hold newer ones back.
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

// An entry of the vendor's directory: the site with this FQDN has this id. Signed by a directory
// key of the vendor root, after people have compared the hash over another channel.
//
//   culvert/site/v1
//   vendor-id: sha256:…
//   site: <fqdn>
//   site-id: sha256:…
//   issued: <time>
#pragma once

#include "proto/core/result.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

struct Site {
  static constexpr std::string_view kType = "culvert/site/v1";

  VendorId vendor_id;
  SiteRef site;
  WallTime issued;

  static Result<Site> parse(std::string_view text);
  std::string render() const;
};

}  // namespace culvert::trust

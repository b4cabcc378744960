// What the coordinator's operator decides: which vendor and which sites the coordinator serves.
// Pure except for the store. A running coordinator polls the store and reloads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "coordinator/store/store.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::coordinator {

// Adds the vendor's root chain from a bundle, also a longer chain with new epochs, and returns the
// vendor's name. A coordinator has one vendor for ever. kConflict: the chain of another vendor.
Result<std::string> add_vendor(Now now, Store& store, std::string_view bundle);

// Adds a site's root chain and the vendor's `site` statement for it from one bundle, which may also
// hold a policy and enrolments. Returns the site's name. kNotFound: no vendor yet; kConflict: the
// name belongs to another site.
Result<std::string> add_site(Now now, Store& store, std::string_view bundle);

struct OwnKeys {
  crypto::ControlKey control;
  crypto::VerifyKey lease;
  crypto::VerifyKey ticket;
};
struct ServedSite {
  trust::SiteRef site;
  std::uint64_t root_epoch = 0;
  std::uint64_t policy_serial = 0;  // 0: no policy yet
  std::size_t agents = 0;           // in force
  bool in_directory = false;        // the vendor's `site` statement is stored
};
struct Summary {
  std::string vendor;  // empty: none
  crypto::Hash vendor_id;
  std::uint64_t vendor_epoch = 0;
  std::vector<ServedSite> sites;
  std::size_t devices = 0;  // admitted and in force
  std::size_t statements = 0;
  std::vector<std::string> warnings;  // one line each: what is missing, and what to do
};
Result<Summary> summarize(Now now, Store& store, const OwnKeys& keys);

}  // namespace culvert::coordinator

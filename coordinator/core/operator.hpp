// What the coordinator's operator decides: which vendor and which sites it serves. Pure but for the
// store; a running coordinator notices the change.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "coordinator/store/store.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::coordinator {

// The vendor's root chain, as a bundle. One vendor for ever: another one's chain is a kConflict.
// Adding a longer chain later brings the new epochs in.
Result<std::string> add_vendor(Store& store, std::string_view bundle,
                               Now now);  // → the vendor's name

// A site's root chain, and the vendor's `site` statement for it, in one bundle; policy and
// enrolments may stand in it too. kNotFound: no vendor yet; kConflict: the name belongs to another
// site.
Result<std::string> add_site(Store& store, std::string_view bundle, Now now);  // → the site's name

struct OwnKeys {
  crypto::ControlKey control;
  crypto::VerifyKey lease;
  crypto::VerifyKey ticket;
};
struct ServedSite {
  trust::SiteRef site;
  std::uint64_t root_epoch = 0;
  std::uint64_t policy_serial = 0;  // 0: none yet
  std::size_t agents = 0;           // in force
  bool in_directory = false;        // the vendor's site statement is there
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
Result<Summary> summarize(Store& store, const OwnKeys& keys, Now now);

}  // namespace culvert::coordinator

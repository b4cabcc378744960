// What a party trusts before it has seen any note. Agents and customer approvers pin the site's
// epoch-1 root; laptops, vendor approvers and coordinators pin the vendor's. A party without a pin
// believes nothing.
#pragma once

#include <optional>

#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

struct Pins {
  std::optional<Hash> site_root;
  std::optional<Hash> vendor_genesis;
  // Coordinators and approvers are observers. Observers do not see first uses, so claim-by ends no
  // grant for an observer.
  bool observer = false;
};

}  // namespace culvert::trust

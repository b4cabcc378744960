// What Evidence holds of each statement. Not for other folders.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/trust/access.hpp"
#include "proto/trust/chain.hpp"
#include "proto/trust/enrolled.hpp"
#include "proto/trust/enrolment.hpp"
#include "proto/trust/site.hpp"

namespace culvert::trust {

// A statement with the note it came in. `vouched`: its signatures hold under the current roots.
template <class Statement>
struct Held {
  Statement statement;
  note::Note note;
  bool vouched = false;
};

// Who has signed a grant and what its policy asks for; recomputed when a document under it changes.
struct Approval {
  std::vector<Person> vendor;
  std::vector<Person> customer;
  std::uint32_t vendor_needed = 0;
  std::uint32_t customer_needed = 0;
  std::string why;  // not empty: no number of signatures would open it

  std::uint32_t vendor_missing() const { return missing(vendor_needed, vendor.size()); }
  std::uint32_t customer_missing() const { return missing(customer_needed, customer.size()); }
  bool complete() const { return why.empty() && vendor_missing() + customer_missing() == 0; }

 private:
  static std::uint32_t missing(std::uint32_t needed, std::size_t have) {
    return have >= needed ? 0 : needed - static_cast<std::uint32_t>(have);
  }
};

struct GrantRecord {
  Grant grant;
  note::Note note;
  Approval approval;
  std::optional<Instant> steady_end;  // set once, when it came into force here
  bool claimed = false;
};

struct SiteRecord {
  SiteRecord(SiteId site, ChainFloor floor)
      : id(site), chain(RootKind::kSite, to_hash(site), floor) {}

  SiteId id;
  bool pinned = false;              // by the pins or by an operator
  std::optional<Held<Site>> entry;  // the vendor directory's statement
  RootChain chain;
  std::optional<Held<Policy>> policy;
  std::map<Hash, Held<Enrolment>> enrolments;
  std::map<Hash, Held<Enrolled>> enrolled;  // by the hash of the note
};

}  // namespace culvert::trust

// Whether the documents of a site are the newest: compares the marks in leases and `fresh` notes
// with the held documents. A carrier that holds a document back stops new grants; running grants go
// on.
#pragma once

#include <map>
#include <utility>

#include "proto/trust/register/register.hpp"
#include "proto/trust/statements/lease.hpp"

namespace culvert::trust {

// Checks that a lease key of the vendor or of the site signed the lease, for the right vendor and a
// known site. Errors: kInvalid, kUnverified.
Result<VerifiedLease> verify_lease(const Register& who, const note::Note& note);

class LeasedDocuments {
 public:
  // Takes the newest verified lease of a site by one side. Kept until that side's next lease, never
  // stored.
  void heed(const Lease& verified, RootKind by);
  // kDenied: a document held for the site may not be the newest; the error names the document.
  Status check(Now now, const Register& who, const SiteId& site) const;

 private:
  std::map<std::pair<SiteId, RootKind>, KnownDocuments> named_;
};

}  // namespace culvert::trust

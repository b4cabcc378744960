// How fresh the documents of a site are: what leases and `fresh` notes name, compared with what is
// held here. A document that is held back by its carrier stops new grants; what runs goes on.
#pragma once

#include <map>
#include <utility>

#include "proto/trust/register/register.hpp"
#include "proto/trust/statements/lease.hpp"

namespace culvert::trust {

// Whether a lease key of the vendor or of the site signed the lease, for the right vendor and a
// known site. Errors: kInvalid, kUnverified.
Result<VerifiedLease> verify_lease(const Register& who, const note::Note& note);

class LeasedDocuments {
 public:
  // The newest lease of a site by one side, once verified. Forgotten with that side's next lease,
  // never stored.
  void heed(const Lease& verified, RootKind by);
  // kDenied: the documents that are held for the site may not be the newest; says which document.
  Status check(Now now, const Register& who, const SiteId& site) const;

 private:
  std::map<std::pair<SiteId, RootKind>, KnownDocuments> named_;
};

}  // namespace culvert::trust

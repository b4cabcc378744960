// What an accepted note changed, which grants the change touches, and who offered the note.
#pragma once

#include <optional>
#include <set>

#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

enum class ChangeKind {
  kNone,  // the note was already known
  kVendorRoot,
  kSite,
  kSiteRoot,
  kPolicy,
  kFresh,
  kEnrolment,
  kEnrolled,  // an identity of a site
  kNode,
  kService,
  kGrant,  // a new request, or more signatures for a known request
  kRevocation,
  kPlaces,
};

struct Change {
  ChangeKind kind = ChangeKind::kNone;
  Hash statement;                       // hash of the note's text
  std::optional<SiteId> site;           // of site statements
  std::optional<GrantId> grant;         // kGrant, kRevocation of a grant
  std::optional<IdentityKey> identity;  // kNode, kService, kRevocation of a node or device
};

// What changed in the register that grants rest on.
struct Touched {
  bool everything = false;
  std::set<SiteId> sites;         // grants of these sites
  std::set<IdentityKey> devices;  // grants of these devices
};

// Where an offered note comes from. Notes from the own store are never refused for a full share.
enum class Origin { kCarrier, kStore };

}  // namespace culvert::trust

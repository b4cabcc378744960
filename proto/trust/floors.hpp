// What must survive a restart so that nothing goes back: the lowest epochs and serials to believe,
// ended grants, claims, revocations, the lock, and the store's clock. A value; Evidence keeps it
// and the program stores it (StateStore) whenever Evidence says it changed.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "proto/core/result.hpp"
#include "proto/crypto/public_key.hpp"
#include "proto/trust/register/floor_entries.hpp"
#include "proto/trust/register/store_clock.hpp"
#include "proto/trust/statements/document_mark.hpp"
#include "proto/trust/statements/names.hpp"
#include "proto/trust/statements/revocation.hpp"

namespace culvert::trust {

struct Floors {
  static constexpr std::string_view kType = "culvert/floors/v1";

  StoredClock clock;
  WallTime grants_from;  // a grant with an earlier not-before is over (set when the clock is reset)
  bool locked = false;
  std::map<VendorId, ChainFloor> vendors;
  std::map<SiteId, SiteFloor> sites;
  std::map<IdentityKey, NodeFloor> nodes;
  std::map<GrantId, Tombstone> tombstones;
  std::map<GrantId, Claim> claims;
  std::map<RevokedId, Revoked> revoked;  // a grant's for the share alone: its end is a tombstone
  // A suspended key, and a chain that listed it, by its first root → the newest epoch then.
  std::map<std::pair<crypto::PublicKey, Hash>, std::uint64_t> suspended;
  // A suspended key, and a root that its holder named and that is not known here yet.
  std::set<std::pair<crypto::PublicKey, Hash>> suspended_at;
  std::map<VendorId, DocumentMark> places;  // serial and hash of the newest list of addresses

  // Canonical text, one entry a line; parse is as strict as a statement's.
  std::string render() const;
  static Result<Floors> parse(std::string_view text);
  friend bool operator==(const Floors&, const Floors&) = default;
};

}  // namespace culvert::trust

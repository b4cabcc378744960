// What must survive a restart so that nothing goes back: the lowest epochs and serials to believe,
// ended grants, claims, revocations, the lock, and the highest wall time seen on the store's own
// clock. A value; Evidence keeps it and the program stores it (StateStore) whenever Evidence says
// it changed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proto/core/result.hpp"
#include "proto/trust/names.hpp"

namespace culvert::trust {

enum class EndCause { kExpired, kUnclaimed, kRevoked, kDenied, kWithdrawn };

// Bounds. A full table refuses what would add to it: fail closed, except revocations (see revoked).
constexpr std::size_t kMaxTombstones = 8192;
constexpr std::size_t kMaxRevoked = 4096;
constexpr std::chrono::seconds kTombstoneKeep{24 * 3600};       // past the grant's not-after
constexpr std::chrono::seconds kNodeFloorKeep{31 * 24 * 3600};  // past the last statement's end

struct ChainFloor {
  std::uint64_t epoch = 0;  // 0: nothing seen yet
  Hash hash;                // of that epoch
  bool forked = false;  // two texts of one epoch were signed: no new grants until an operator looks
  friend bool operator==(const ChainFloor&, const ChainFloor&) = default;
};

struct SiteFloor {
  Fqdn name;
  ChainFloor root;
  std::uint64_t policy_serial = 0;
  Hash policy;
  friend bool operator==(const SiteFloor&, const SiteFloor&) = default;
};

// What a known identity may not go back behind, and what belongs to it.
struct NodeFloor {
  std::uint64_t serial = 0;  // 0: enrolled, no statement of its own seen yet
  Hash statement;
  crypto::WireGuardKey wireguard;  // these belong to this identity, whoever claims them later
  crypto::ControlKey control;
  crypto::RelayKey relay;
  crypto::DiscoKey disco;
  std::uint64_t service_serial = 0;
  Hash service;
  SiteId site;            // zero: a device
  Label name;             // of an agent: no other identity of the site may have it
  Hash enrolment;         // of an agent: it fills a place of that enrolment
  bool replaced = false;  // of an agent: another identity took over its name; ended for ever
  WallTime keep_until;
  friend bool operator==(const NodeFloor&, const NodeFloor&) = default;
};

struct Tombstone {
  WallTime until;
  EndCause cause = EndCause::kExpired;
  friend bool operator==(const Tombstone&, const Tombstone&) = default;
};

struct Floors {
  static constexpr std::string_view kType = "culvert/floors/v1";

  WallTime wall_high;    // highest time of one's own wall clock
  WallTime grants_from;  // a grant with an earlier not-before is over (set when the clock is reset)
  bool locked = false;
  std::map<VendorId, ChainFloor> vendors;
  std::map<SiteId, SiteFloor> sites;
  std::map<IdentityKey, NodeFloor> nodes;
  std::map<GrantId, Tombstone> tombstones;
  std::map<GrantId, WallTime> claims;  // first use was made; kept until the grant's tombstone goes
  // Revoked identities, everywhere (zero site) or at one site, and when; full: the oldest makes
  // room.
  std::map<std::pair<IdentityKey, SiteId>, WallTime> revoked;
  std::map<crypto::VerifyKey, std::uint64_t> suspended;  // root-listed key → epoch of the root then

  // Canonical text, one entry a line; parse is as strict as a statement's.
  std::string render() const;
  static Result<Floors> parse(std::string_view text);
  friend bool operator==(const Floors&, const Floors&) = default;
};

}  // namespace culvert::trust

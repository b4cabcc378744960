// The entries of Floors: what is kept of each root, site, node, grant and revocation.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "proto/core/result.hpp"
#include "proto/crypto/public_key.hpp"
#include "proto/trust/register/store_clock.hpp"
#include "proto/trust/statements/document_mark.hpp"
#include "proto/trust/statements/names.hpp"
#include "proto/trust/statements/revocation.hpp"

namespace culvert::trust {

enum class EndCause { kExpired, kUnclaimed, kRevoked, kDenied, kWithdrawn };

// Bounds. What must be remembered is never replaced: a full share refuses its own party.
constexpr std::size_t kMaxTombstones = 32768;    // of grants of the vendor's devices
constexpr std::size_t kMaxEndedPerDevice = 256;  // tombstones charged to one device
constexpr std::size_t kMaxRevocations = 1024;    // of one signer that are not over
// That concern one site and are not over: of the customer's keys together, as many of the vendor's
// keys, and as many of devices. A grant's revocation counts for as long as its tombstone stands.
constexpr std::size_t kMaxRevocationsAtSite = 2048;
constexpr std::size_t kMaxVendorRevocations =
    8192;                                        // of the vendor's keys that concern no one site
constexpr std::size_t kMaxSuspendedKeys = 1024;  // of one chain, for ever
constexpr std::chrono::seconds kTombstoneKeep{24 * 3600};  // past the grant's not-after
constexpr std::chrono::seconds kLongOver{400LL * 24 * 3600};
constexpr std::chrono::seconds kNodeFloorKeep{31 * 24 * 3600};  // past the last statement's end

// Whether the newest epoch of a chain has two signed texts.
enum class Fork {
  kNone,
  kStopped,  // no new grants
  kChosen,   // an operator has chosen the text that is kept
};

struct ChainFloor {
  std::uint64_t epoch = 0;  // 0: nothing seen yet
  Hash hash;                // of that epoch
  Fork fork = Fork::kNone;
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
  StoreAge forget;
  friend bool operator==(const NodeFloor&, const NodeFloor&) = default;
};

// An ended grant. Forgotten at an age of the store; `until` only serves a full table, which may
// drop what the wall clock too calls over for kLongOver.
struct Tombstone {
  WallTime until;  // the latest end that the grant could have had
  StoreAge forget;
  EndCause cause = EndCause::kExpired;
  IdentityKey device;  // charged for the tombstone; zero: not known
  friend bool operator==(const Tombstone&, const Tombstone&) = default;
};

// A grant's first use. The grant ends `duration` after it.
struct Claim {
  WallTime at;
  StoreAge forget;
  friend bool operator==(const Claim&, const Claim&) = default;
};

// Whose keys sign revocations at a site; each side has a share of its own there.
enum class RevokingSide { kVendor, kCustomer, kDevice };

// What a signed revocation ended: everywhere (zero site) or at one site.
struct RevokedId {
  Revokes what = Revokes::kDevice;
  std::array<std::uint8_t, 32> subject{};  // identity key, hash of an enrolment or of a key's text
  SiteId site;
  friend auto operator<=>(const RevokedId&, const RevokedId&) = default;
};
RevokedId revoked_id(const Revocation& revocation);
RevokedId revoked_grant(const GrantId& grant, const SiteId& site);
RevokedId revoked_key(const crypto::PublicKey& key);
struct Revoked {
  WallTime until;  // as long as anything that was revoked could come again
  StoreAge forget;
  crypto::PublicKey signer;  // whose share it is in
  friend bool operator==(const Revoked&, const Revoked&) = default;
};

}  // namespace culvert::trust

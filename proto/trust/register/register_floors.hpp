// What the register must remember across restarts so that nothing goes back: the lowest epochs and
// serials to believe, the owner of each key and name, revocations, suspended keys, and the store's
// clock. One half of trust::Floors; grant_floors.hpp has the other half.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "proto/crypto/public_key.hpp"
#include "proto/trust/register/store_clock.hpp"
#include "proto/trust/statements/document_mark.hpp"
#include "proto/trust/statements/names.hpp"
#include "proto/trust/statements/revocation.hpp"

namespace culvert::trust {

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

// What an identity may not go back behind, and what belongs to the identity.
struct NodeFloor {
  std::uint64_t serial = 0;  // 0: enrolled, no node statement of this identity seen yet
  Hash statement;
  crypto::WireGuardKey wireguard;  // the four keys belong to this identity, whoever claims them
  crypto::ControlKey control;
  crypto::RelayKey relay;
  crypto::DiscoKey disco;
  std::uint64_t service_serial = 0;
  Hash service;
  SiteId site;            // zero: a device
  Label name;             // of an agent: no other identity of the site may have this name
  Hash enrolment;         // of an agent: the identity fills a place of this enrolment
  bool replaced = false;  // of an agent: another identity took over the name; ended for ever
  StoreAge forget;
  friend bool operator==(const NodeFloor&, const NodeFloor&) = default;
};

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
  WallTime until;  // as long as the revoked thing could come back
  StoreAge forget;
  crypto::PublicKey signer;  // the revocation counts in the share of this signer
  friend bool operator==(const Revoked&, const Revoked&) = default;
};

// A suspended key with the hash of a root.
using KeyAndRoot = std::pair<crypto::PublicKey, Hash>;

struct RegisterFloors {
  StoredClock clock;
  std::map<VendorId, ChainFloor> vendors;
  std::map<SiteId, SiteFloor> sites;
  std::map<IdentityKey, NodeFloor> nodes;
  // A revoked grant is here only to count in the signer's share: a tombstone ends the grant.
  std::map<RevokedId, Revoked> revoked;
  // From a suspended key and the first root of a chain that listed the key to the newest epoch of
  // the chain at the time of the suspension.
  std::map<KeyAndRoot, std::uint64_t> suspended;
  // A suspended key, and a root that the key's holder named and that is not known here yet.
  std::set<KeyAndRoot> suspended_at;
  std::map<VendorId, DocumentMark> places;  // serial and hash of the newest list of addresses

  friend bool operator==(const RegisterFloors&, const RegisterFloors&) = default;
};

}  // namespace culvert::trust

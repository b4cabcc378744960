// How much the register holds at most, and how far clocks may differ. A full share refuses only the
// party that filled the share.
#pragma once

#include <chrono>
#include <cstddef>

namespace culvert::trust {

constexpr std::size_t kMaxSites = 4096;
constexpr std::size_t kMaxEnrolments = 1024;   // of one site
constexpr std::size_t kMaxSiteNodes = 1024;    // identities of one site, ended ones included
constexpr std::size_t kMaxDevices = 8192;      // identities of the vendor's devices
constexpr std::size_t kMaxRevocations = 1024;  // of one signer, not over yet
// Revocations that concern one site and are not over yet. The customer's keys, the vendor's keys
// and the devices have one such share each. A grant's revocation counts for as long as the grant's
// tombstone is kept.
constexpr std::size_t kMaxRevocationsAtSite = 2048;
// Revocations by the vendor's keys that concern no single site.
constexpr std::size_t kMaxVendorRevocations = 8192;
constexpr std::size_t kMaxSuspendedKeys = 1024;  // of one chain, for ever

// A statement that was issued further in the future than this is not in force.
constexpr std::chrono::seconds kIssuedSkew{300};
// How long a node's floor is kept past the end of the node's last statement.
constexpr std::chrono::seconds kNodeFloorKeep{31 * 24 * 3600};

}  // namespace culvert::trust

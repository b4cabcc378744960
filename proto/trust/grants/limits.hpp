// How many grants are held and remembered at most, and how early a grant begins. A full share
// refuses only the party that filled the share. An entry that must be remembered is never replaced.
#pragma once

#include <chrono>
#include <cstddef>

namespace culvert::trust {

// Grants that are pending or in force; ended grants do not count.
constexpr std::size_t kMaxGrants = 32768;
constexpr std::size_t kMaxGrantsPerSite = 1024;
constexpr std::size_t kMaxGrantsPerDevice = 64;
constexpr std::size_t kMaxTombstones = 32768;    // of grants of the vendor's devices
constexpr std::size_t kMaxEndedPerDevice = 256;  // tombstones charged to one device

constexpr std::chrono::seconds kStartSkew{60};  // a grant begins this early, never ends late
// A grant begins at most this far ahead, so that the end of the grant is remembered long enough.
constexpr std::chrono::seconds kMaxAhead{24 * 3600};
constexpr std::chrono::seconds kTombstoneKeep{24 * 3600};  // past the grant's not-after
// A full table of tombstones drops those that the wall clock calls over for this long.
constexpr std::chrono::seconds kLongOver{400LL * 24 * 3600};

}  // namespace culvert::trust

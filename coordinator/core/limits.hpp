// Bounds and times of the core. The bounds of rooms, shares, pages and views stand in their
// headers.
#pragma once

#include <cstddef>

#include "proto/core/time.hpp"

namespace culvert::coordinator {

// Nodes with a recent audit line of their connection; beyond, the oldest lines are forgotten.
inline constexpr std::size_t kMaxConnectedLines = 8192;
// Devices that wait for admission. When all places are taken, a random device of the fullest source
// loses its place. That device offers itself again.
inline constexpr std::size_t kMaxWaitingDevices = 256;
inline constexpr std::size_t kMaxWaitingOfSource = 8;
inline constexpr std::size_t kMaxOpenRequests = 16;  // of one device; beyond, refused
inline constexpr std::size_t kLoginsAtOnce = 8;      // records of logins in one turn
// The longest message on a connection that has proven nothing, such as its hello.
inline constexpr std::size_t kMaxStrangerMessage = 64U << 10U;
// Of one connection until it is greeted: one such message in its records, and the handshake.
inline constexpr std::size_t kMaxHelloBytes = kMaxStrangerMessage + 1024;
inline constexpr std::size_t kMaxLoginBytes = 32U << 20U;  // of all of them, by source
inline constexpr std::size_t kMaxProofs = 8;               // on one connection
inline constexpr Duration kHelloTimeout = 10s;
inline constexpr Duration kSilence = 24s;  // clients ping every 10 s
inline constexpr Duration kSweep = 1s;     // so a vanished peer is noticed within 25 s
inline constexpr Duration kStoreRetry = 1s;
// After a start on an older copy of the store: how long a site's leases wait for its agents.
inline constexpr Duration kOfferTime = 30s;
inline constexpr Duration kLeastRefresh = 50ms;  // between two refreshes that only time causes
inline constexpr std::chrono::seconds kTicketLife{600};
inline constexpr std::chrono::seconds kQuietConnect{600};  // between two audit lines for one node

}  // namespace culvert::coordinator

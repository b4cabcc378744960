// What Evidence holds at most, and how far clocks may differ. A full share refuses its own party.
#pragma once

#include <chrono>
#include <cstddef>

namespace culvert::trust {

// Grants that are pending or in force; ended ones do not count.
constexpr std::size_t kMaxGrants = 32768;
constexpr std::size_t kMaxGrantsPerSite = 1024;
constexpr std::size_t kMaxGrantsPerDevice = 64;
constexpr std::size_t kMaxSites = 4096;
constexpr std::size_t kMaxEnrolments = 1024;    // of one site
constexpr std::size_t kMaxSiteNodes = 1024;     // identities of one site, ended ones included
constexpr std::size_t kMaxDevices = 8192;       // identities of the vendor's devices
constexpr std::chrono::seconds kStartSkew{60};  // a grant starts this much early, never ends late
constexpr std::chrono::seconds kMaxAhead{
    24 * 3600};  // a grant begins at most this far ahead: what ends one is kept long enough
constexpr std::chrono::seconds kIssuedSkew{
    300};  // statements issued further in the future: not in force

}  // namespace culvert::trust

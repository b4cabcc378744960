// The bounds of what Evidence holds, and how far clocks may differ.
#pragma once

#include <chrono>
#include <cstddef>

namespace culvert::trust {

constexpr std::size_t kMaxGrants = 4096;
constexpr std::size_t kMaxGrantsPerDevice = 256;  // ended ones included, until they are forgotten
constexpr std::size_t kMaxSites = 4096;
constexpr std::size_t kMaxEnrolments = 1024;
constexpr std::chrono::seconds kStartSkew{60};  // a grant starts this much early, never ends late
constexpr std::chrono::seconds kMaxAhead{
    24 * 3600};  // a grant begins at most this far ahead: what ends one is kept long enough
constexpr std::chrono::seconds kIssuedSkew{
    300};  // statements issued further in the future: not in force
constexpr std::chrono::seconds kClockStep{
    5};  // a wall clock further back than this denies new grants

}  // namespace culvert::trust

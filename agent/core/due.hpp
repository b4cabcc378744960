// The core's own limits and times, and the deadlines of its tasks.
#pragma once

#include <cstddef>

#include "proto/core/time.hpp"

namespace culvert::agent {

inline constexpr std::size_t kMaxUnverified = 1024;  // notes kept for another try; oldest go
inline constexpr std::size_t kMaxOwnRequests = 256;  // requests kept for `culvert requests`
inline constexpr Duration kStoreRetry = 2s;          // after a failed write
inline constexpr Duration kWallSave = 60s;           // how often the wall clock's floor is stored
inline constexpr std::size_t kMaxDisputed = 1024;    // grants whose refusal is logged only once
inline constexpr Duration kSweep = 60s;
inline constexpr Duration kRenewRetry = 30s;
inline constexpr std::uint64_t kMaxRenewEarly = 3 * 24 * 3600;  // seconds before half of a life
inline constexpr Duration kUploadRetry = 10s;                   // after a refusal
inline constexpr std::chrono::seconds kLabelSkew{30};           // DeviceOptions::label_skew
inline constexpr Duration kRecheck = 5s;        // between checks of rights: the wall clock may jump
inline constexpr Duration kTooBigEvery = 10ms;  // "packet too big" answers: one in this time
inline constexpr int kTooBigBurst = 64;         // "packet too big" answers: so many at once
inline constexpr Duration kPublisherPatience = 10s;  // of an unanswered handshake: two attempts
inline constexpr Duration kPassedOver = 60s;         // how long a silent publisher is avoided

inline constexpr Duration kDocumentsRetry = 60s;
inline constexpr Duration kAlarmEvery = 225s;  // of one kind at one site, after trust::kMaxAlarms
inline constexpr Duration kLookAtEnds = std::chrono::minutes(10);
inline constexpr Duration kStateEvery = std::chrono::minutes(5);
inline constexpr Duration kStateLeast = 10s;  // least time between two states that are sent

struct Due {
  Instant access = Instant::never();  // rights change because time passes
  Instant store_retry = Instant::never();
  Instant wall_save;
  Instant upload;  // no upload before this time
  Instant sweep;
  Instant renew;
  Instant documents = Instant::never();  // files whose notes did not verify are tried again
  Instant ends;                          // warn_of_ends() runs again
  Instant state;                         // this agent's state is sent again
  Instant too_big;  // token bucket of "packet too big" answers: full again then
};

}  // namespace culvert::agent

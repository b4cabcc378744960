// The exit codes of the three programs, as their manual pages list them.
#pragma once

#include "proto/core/result.hpp"

namespace culvert::cli {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitNoAgent = 3;
constexpr int kExitDenied = 4;
constexpr int kExitTimeout = 5;

constexpr int exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::kDenied:
    case ErrorCode::kUnverified:
    case ErrorCode::kStale:
      return kExitDenied;
    case ErrorCode::kInvalid:
      return kExitUsage;
    case ErrorCode::kTimeout:
      return kExitTimeout;
    case ErrorCode::kConflict:
    case ErrorCode::kNotFound:
    case ErrorCode::kExhausted:
    case ErrorCode::kUnavailable:
    case ErrorCode::kInternal:
      return kExitFailed;
  }
  return kExitFailed;
}

}  // namespace culvert::cli

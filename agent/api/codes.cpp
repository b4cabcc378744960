#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/api/api.hpp"
#include "agent/api/client.hpp"

namespace culvert::api {
namespace {

struct Code {
  ErrorCode code;
  const char* name;
  int http_status;
};
constexpr std::array<Code, 10> kCodes = {{{ErrorCode::kInvalid, "invalid", 400},
                                          {ErrorCode::kUnverified, "unverified", 422},
                                          {ErrorCode::kStale, "stale", 410},
                                          {ErrorCode::kConflict, "conflict", 409},
                                          {ErrorCode::kDenied, "denied", 403},
                                          {ErrorCode::kNotFound, "not-found", 404},
                                          {ErrorCode::kExhausted, "exhausted", 429},
                                          {ErrorCode::kUnavailable, "unavailable", 503},
                                          {ErrorCode::kTimeout, "timeout", 504},
                                          {ErrorCode::kInternal, "internal", 500}}};

const Code& entry(ErrorCode code) {
  return *std::find_if(kCodes.begin(), kCodes.end(), [&](const Code& c) { return c.code == code; });
}

}  // namespace

std::string to_string(ErrorCode code) { return entry(code).name; }

ErrorCode error_code_from(const std::string& name) {
  const auto found =
      std::find_if(kCodes.begin(), kCodes.end(), [&](const Code& c) { return c.name == name; });
  return found == kCodes.end() ? ErrorCode::kInternal : found->code;
}

// Bytes that are not UTF-8 (in a file name or an upstream's message) become U+FFFD.
Reply Reply::ok(const nlohmann::json& object) {
  return {200, object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

Reply Reply::failed(const Error& error) {
  auto reply = ok({{"error", to_string(error.code)}, {"message", error.message}});
  reply.http_status = entry(error.code).http_status;
  return reply;
}

}  // namespace culvert::api

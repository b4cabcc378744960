// The answer to one command of the local API.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "proto/core/result.hpp"

namespace culvert::api {

// `body` is the text of a JSON object; for an error {"error": code, "message": line}.
struct Reply {
  int http_status = 200;
  std::string body = "{}";

  static Reply ok(const nlohmann::json& object);
  static Reply failed(const Error& error);
};

// Called once, on the loop's thread, now or later.
using Answer = std::function<void(Reply)>;

}  // namespace culvert::api

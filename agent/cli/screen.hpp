// The screen of `culvert status`: who this is, whether it is well and if not what to do, peers with
// their paths, grants in force with their time left, requests that wait.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "proto/core/time.hpp"

namespace culvert::cli {

// The answers of `status`, `services` and `requests`; lines for a terminal of that width (0: any).
std::vector<std::string> status_screen(const nlohmann::json& status, const nlohmann::json& services,
                                       const nlohmann::json& requests, WallTime now,
                                       std::size_t columns);

// For `culvert services`: with protocol and address.
std::vector<std::string> services_table(const nlohmann::json& services, WallTime now,
                                        std::size_t columns);

// Audit entries as a table, with who reported each.
std::vector<std::string> audit_table(const nlohmann::json& entries, std::size_t columns);

}  // namespace culvert::cli

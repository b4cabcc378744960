// The screen of `culvert status`: the node's name, its troubles and what to do about them, peers
// with their paths, grants in force with the time left, waiting requests.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "proto/core/time.hpp"

namespace culvert::cli {

// The lines for the answers of `status`, `services` and `requests`, for a terminal of `columns`
// columns (0: any).
std::vector<std::string> status_screen(const nlohmann::json& status, const nlohmann::json& services,
                                       const nlohmann::json& requests, WallTime now,
                                       std::size_t columns);

// The table of `culvert services`, with protocol and address.
std::vector<std::string> services_table(const nlohmann::json& services, WallTime now,
                                        std::size_t columns);

// Audit entries as a table, with the reporter of each.
std::vector<std::string> audit_table(const nlohmann::json& entries, std::size_t columns);

}  // namespace culvert::cli

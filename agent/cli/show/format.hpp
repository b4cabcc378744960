// Fields of the local API's answers as text for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "proto/core/time.hpp"

namespace culvert::cli {

// One line of JSON in ASCII. Bytes that are not UTF-8 become U+FFFD.
std::string to_json(const nlohmann::json& value);
// A field as printable text; "-": the field is absent, null or empty.
std::string cell(const nlohmann::json& row, const char* key);
bool flag(const nlohmann::json& row, const char* key);
// The rows of a list; none if the list is absent.
nlohmann::json rows_of(const nlohmann::json& answer, const char* key);

// One line of JSON to standard output; bytes that are no UTF-8 are replaced.
void print_json(const nlohmann::json& value);

std::string time_left(const nlohmann::json& row, WallTime now);        // of "ends": 14m58s
std::string milliseconds(const nlohmann::json& row, const char* key);  // 0.04 ms, 2.1 ms, 120 ms
std::string how_long_ago(const nlohmann::json& row, const char* key);  // of milliseconds: 2s ago
std::string size_of(const nlohmann::json& row, const char* key);       // of bytes: 2.5 KiB

// "PENDING (vendor 1 missing, customer 0 missing)" → "waits for 1 approval by the vendor". Other
// states as they are.
std::string describe_state(const std::string& state);
bool is_undecided(const std::string& state);  // pending or approved

}  // namespace culvert::cli

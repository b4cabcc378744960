#include "agent/cli/show/format.hpp"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/cli/show/output.hpp"

namespace culvert::cli {
namespace {

std::string decimal(double value, int digits) {
  std::array<char, 48> out{};
  std::snprintf(out.data(), out.size(), "%.*f", digits, value);
  return out.data();
}

// The number before " missing" of one side; 0: the state does not name the side.
int missing(const std::string& state, const std::string& side) {
  const auto at = state.find(side + " ");
  if (at == std::string::npos) return 0;
  int count = 0;
  for (std::size_t i = at + side.size() + 1; i < state.size() && state[i] >= '0' && state[i] <= '9';
       ++i) {
    count = std::min(count * 10 + (state[i] - '0'), 1000);
  }
  return count;
}

}  // namespace

std::string to_json(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string cell(const nlohmann::json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || found->is_null()) return "-";
  auto value = found->is_string() ? found->get<std::string>() : to_json(*found);
  return value.empty() ? "-" : printable(value);
}

bool flag(const nlohmann::json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_boolean() && found->get<bool>();
}

nlohmann::json rows_of(const nlohmann::json& answer, const char* key) {
  const auto found = answer.find(key);
  return found != answer.end() && found->is_array() ? *found : nlohmann::json::array();
}

void print_json(const nlohmann::json& value) {
  print(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string time_left(const nlohmann::json& row, WallTime now) {
  const auto claim = row.find("claim_by");
  const auto seconds = row.find("seconds");
  const bool waits = row.value("state", "").starts_with("PENDING");
  if (!waits && claim != row.end() && claim->is_string() && seconds != row.end() &&
      seconds->is_number()) {
    const auto by = parse_time(claim->get<std::string>());
    const auto length = format_duration(std::chrono::seconds(seconds->get<std::int64_t>()));
    if (by) {
      return "unused: use it within " + format_duration(*by - now) + " (by " + format_time(*by) +
             "), then " + length;
    }
  }
  const auto ends = row.find("ends");
  if (ends == row.end() || !ends->is_string()) return "-";
  const auto at = parse_time(ends->get<std::string>());
  return at ? format_duration(*at - now) : cell(row, "ends");
}

std::string milliseconds(const nlohmann::json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_number()) return "-";
  const auto value = found->get<double>();
  return decimal(value, value < 1 ? 2 : value < 100 ? 1 : 0) + " ms";
}

std::string how_long_ago(const nlohmann::json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_number()) return "never";
  return format_duration(std::chrono::seconds(static_cast<long>(found->get<double>() / 1000))) +
         " ago";
}

std::string size_of(const nlohmann::json& row, const char* key) {
  const auto found = row.find(key);
  double value = found != row.end() && found->is_number() ? found->get<double>() : 0;
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return decimal(value, *unit == 'B' ? 0 : 1) + " " + unit;
}

std::string describe_state(const std::string& state) {
  if (state == "PENDING") return "waits for approvals";
  if (!state.starts_with("PENDING (")) return state;
  const auto side = [&](const char* name) -> std::string {
    const int count = missing(state, name);
    if (count == 0) return "";
    return std::to_string(count) + (count == 1 ? " approval by the " : " approvals by the ") + name;
  };
  const auto vendor = side("vendor");
  const auto customer = side("customer");
  if (vendor.empty() && customer.empty()) return state;
  return "waits for " + vendor + (vendor.empty() || customer.empty() ? "" : " and ") + customer;
}

bool is_undecided(const std::string& state) {
  return state.starts_with("PENDING") || state.starts_with("APPROVED") ||
         state.starts_with("ACTIVE");
}

}  // namespace culvert::cli

// Commands that ask the running agent, and how their answers look.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "agent/cli/call.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/output.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/loop.hpp"
#include "proto/trust/fields.hpp"

namespace culvert::cli {
namespace {

using nlohmann::json;

// A field as text; "-" where it is absent, null or empty.
std::string cell(const json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || found->is_null()) return "-";
  auto value = found->is_string() ? found->get<std::string>() : found->dump();
  return value.empty() ? "-" : printable(value);
}
bool flag(const json& row, const char* key) { return row.value(key, false); }

std::string time_left(const json& row) {
  const auto ends = row.find("ends");
  if (ends == row.end() || !ends->is_string()) return "-";
  const auto at = parse_time(ends->get<std::string>());
  if (!at) return cell(row, "ends");
  return format_duration(*at - runtime::read_clocks().wall);
}

std::string milliseconds(const json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_number()) return "-";
  const auto tenths = static_cast<long>(found->get<double>() * 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " ms";
}

std::string size_of(const json& row, const char* key) {
  double value = row.value(key, 0.0);
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB"}) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  const auto tenths = static_cast<long>(value * 10);
  return std::to_string(tenths / 10) + (*unit == 'B' ? "" : "." + std::to_string(tenths % 10)) +
         " " + unit;
}

void print_health(const json& status) {
  const auto line = [](const char* what, bool good, const std::string& text) {
    print(std::string("  ") + what + std::string(14 - std::string_view(what).size(), ' ') +
          (good ? green(text) : yellow(text)));
  };
  const bool connected = flag(status, "coordinator_connected");
  line("coordinator", connected,
       connected ? "connected to " + cell(status, "coordinator")
                 : "not connected: " + cell(status, "coordinator_error"));
  line("relay", flag(status, "relay_connected"),
       flag(status, "relay_connected") ? "connected to " + cell(status, "home_relay")
                                       : "not connected (needed once there is a peer)");
  line("admitted", flag(status, "admitted"), flag(status, "admitted") ? "yes" : "not yet");
  if (status.value("live_grants", 0) > 0) {
    line("lease", flag(status, "lease_fresh"), flag(status, "lease_fresh") ? "fresh" : "lapsed");
  }
  if (flag(status, "locked")) line("lock", false, "LOCKED: culvert unlock undoes it");
  if (!flag(status, "clock_ok")) {
    line("clock", false, "went back: no new grants until it is right or culvert clock-reset");
  }
  if (!flag(status, "audit_ok")) line("audit", false, "cannot be written: nothing new is opened");
}

void print_services(const json& rows) {
  std::vector<std::vector<std::string>> table;
  for (const auto& row : rows) {
    table.push_back({bold(cell(row, "fqdn")), cell(row, "protocol"), cell(row, "endpoint"),
                     cell(row, "publisher"), time_left(row),
                     flag(row, "ready") ? green("ready") : yellow("waiting")});
  }
  print_table({"SERVICE", "PROTOCOL", "ADDRESS", "SERVED BY", "TIME LEFT", "STATE"}, table);
}

}  // namespace

Status agent_status(const Common& common) {
  const auto status = call(common, "status");
  if (!status) return fail_with(status.error());
  if (common.json) {
    print(status->dump());
    return {};
  }
  print(bold(cell(*status, "name")) + "  " + cell(*status, "address") + "  " +
        (status->value("role", "") == "site" ? "agent of " + cell(*status, "site")
                                             : "device of " + cell(*status, "person")));
  print("  identity      " + cell(*status, "identity"));
  print_health(*status);
  std::vector<std::vector<std::string>> peers;
  for (const auto& peer : status->value("peers", json::array())) {
    const auto path = cell(peer, "path");
    peers.push_back({bold(cell(peer, "name")), path == "direct" ? green(path) : yellow(path),
                     path == "direct" ? cell(peer, "endpoint") : cell(peer, "relay"),
                     milliseconds(peer, "latency_ms"), size_of(peer, "bytes_in"),
                     size_of(peer, "bytes_out")});
  }
  if (!peers.empty()) {
    print("");
    print_table({"PEER", "PATH", "VIA", "LATENCY", "IN", "OUT"}, peers);
  }
  const auto services = call(common, "services");
  if (services && !services->value("services", json::array()).empty()) {
    print("");
    print_services((*services)["services"]);
  }
  return {};
}

Status agent_services(const Common& common) {
  const auto answer = call(common, "services");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(answer->dump());
  } else if (answer->value("services", json::array()).empty()) {
    print("no service is in reach; culvert request SERVICE --reason WHY asks for one");
  } else {
    print_services((*answer)["services"]);
  }
  return {};
}

Status agent_requests(const Common& common) {
  const auto answer = call(common, "requests");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(answer->dump());
    return {};
  }
  std::vector<std::vector<std::string>> table;
  for (const auto& row : answer->value("requests", json::array())) {
    table.push_back({bold(cell(row, "grant")), cell(row, "service"), cell(row, "state"),
                     time_left(row), cell(row, "reason")});
  }
  if (table.empty()) {
    print("no requests");
  } else {
    print_table({"GRANT", "SERVICE", "STATE", "TIME LEFT", "REASON"}, table);
  }
  return {};
}

namespace {

// Waits until the service is usable, the request ended, or its claim time is over.
Status wait_for(const Common& common, const std::string& grant, const std::string& service) {
  constexpr std::chrono::milliseconds kPoll{200};
  constexpr int kMaxPolls = 15 * 60 * 5;
  std::string last;
  for (int i = 0; i < kMaxPolls; ++i) {
    const auto services = call(common, "services");
    if (!services) return fail_with(services.error());
    for (const auto& row : services->value("services", json::array())) {
      if (cell(row, "fqdn") == service && flag(row, "ready")) {
        hint(service + " is usable");
        return {};
      }
    }
    const auto requests = call(common, "requests");
    if (!requests) return fail_with(requests.error());
    for (const auto& row : requests->value("requests", json::array())) {
      if (cell(row, "grant") != grant) continue;
      const auto state = cell(row, "state");
      if (state != last) hint(state);
      last = state;
      const bool waiting = state.starts_with("PENDING") || state.starts_with("APPROVED") ||
                           state.starts_with("ACTIVE");
      if (!waiting) return fail(ErrorCode::kDenied, "the request ended: " + state);
    }
    std::this_thread::sleep_for(kPoll);
  }
  return fail(ErrorCode::kTimeout, "nobody approved in time; culvert requests shows its state");
}

}  // namespace

Status agent_request(const Common& common, const Request& request) {
  const auto length = parse_duration(request.length);
  if (!length) return fail(ErrorCode::kInvalid, "--for: write a time such as 15m or 1h");
  if (!trust::valid_reason(request.reason)) {
    return fail(ErrorCode::kInvalid, "--reason: write 1 to 200 visible characters on one line");
  }
  const auto answer = call(
      common, "request",
      {{"service", request.service}, {"reason", request.reason}, {"seconds", length->count()}});
  if (!answer) return fail_with(answer.error());
  const auto grant = cell(*answer, "grant");
  if (common.json) {
    print(answer->dump());
  } else {
    print("requested " + bold(grant) + "  " + request.service + " for " + format_duration(*length));
    if (!request.wait) {
      hint_next("culvert requests shows its state; approvers run: culvert approve " + grant +
                " --key FILE");
    }
  }
  return request.wait ? wait_for(common, grant, request.service) : Status{};
}

Status agent_audit(const Common& common) {
  const auto answer = call(common, "audit");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(answer->dump());
    return {};
  }
  std::vector<std::vector<std::string>> table;
  for (const auto& row : answer->value("entries", json::array())) {
    auto detail = cell(row, "detail");
    const auto bytes = row.value("bytes_in", 0ULL) + row.value("bytes_out", 0ULL);
    if (bytes > 0) detail = (detail == "-" ? "" : detail + ", ") + std::to_string(bytes) + " bytes";
    table.push_back({cell(row, "at"), bold(cell(row, "kind")), cell(row, "who"),
                     cell(row, "service"), cell(row, "grant"), cell(row, "outcome"), detail});
  }
  print_table({"TIME", "WHAT", "WHO", "SERVICE", "GRANT", "OUTCOME", "DETAIL"}, table);
  return {};
}

Status agent_ping(const Common& common, const std::string& target, int count) {
  for (int i = 0; i < count; ++i) {
    const auto answer = call(common, "ping", {{"to", target}});
    if (!answer) return fail_with(answer.error());
    if (common.json) {
      print(answer->dump());
    } else {
      print("pong from " + cell(*answer, "peer") + " by " + cell(*answer, "path") + " (" +
            cell(*answer, "via") + ") in " + milliseconds(*answer, "round_trip_ms"));
    }
  }
  return {};
}

Status agent_forward(const Common& common, const std::string& spec) {
  const auto answer = call(common, "forward", {{"spec", spec}});
  if (!answer) return fail_with(answer.error());
  print(common.json ? answer->dump()
                    : "forwarding " + cell(*answer, "local") + " to " + cell(*answer, "host"));
  const auto local = answer->value("local", "");
  if (!common.json)
    hint_next("to end it: culvert forward-end " + local.substr(local.rfind(':') + 1));
  return {};
}

Status agent_forward_end(const Common& common, int port) {
  const auto answer = call(common, "forward-end", {{"port", port}});
  if (!answer) return fail_with(answer.error());
  print(common.json ? answer->dump() : "forward ended");
  return {};
}

Status agent_proxy(const Common& common) {
  const auto answer = call(common, "proxy-info");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(answer->dump());
    return {};
  }
  const auto address = cell(*answer, "address");
  print("SOCKS5 and HTTP CONNECT on " + address + ", for this user's processes alone:");
  print("  export ALL_PROXY=socks5h://" + address + " HTTPS_PROXY=http://" + address);
  return {};
}

Status agent_ca(const Common& common) {
  const auto answer = call(common, "ca");
  if (!answer) return fail_with(answer.error());
  print(answer->value("pem", ""));
  return {};
}

Status agent_simple(const Common& common, const std::string& command, const std::string& grant) {
  json arguments = json::object();
  if (!grant.empty()) arguments["grant"] = grant;
  const auto answer = call(common, command, arguments);
  if (!answer) return fail_with(answer.error());
  print(common.json ? answer->dump() : command + (grant.empty() ? "" : " " + grant) + ": done");
  return {};
}

}  // namespace culvert::cli

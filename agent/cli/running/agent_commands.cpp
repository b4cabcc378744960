// Commands that ask the running agent and print its answers.
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "agent/api/client.hpp"
#include "agent/cli/running/call.hpp"
#include "agent/cli/running/commands.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/show/screen.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::cli {

using nlohmann::json;

namespace {

constexpr const char* kWhatIsInReach =
    "culvert services lists what is in reach, culvert request NAME --reason WHY asks for it";
constexpr std::chrono::milliseconds kEndPoll{20};
constexpr int kMaxEndPolls = 1500;  // 30 s
constexpr const char* kWhichGrants = "culvert requests lists them";

WallTime wall_now() { return runtime::read_clocks().wall; }

// The agent's answer. If the agent does not know or cannot read a name, the error has the next
// step.
Result<json> ask(const Common& common, const std::string& command, const json& arguments,
                 std::string_view next) {
  auto answer = call(common, command, arguments);
  if (answer) return answer;
  auto error = answer.error();
  if (error.code == ErrorCode::kNotFound || error.code == ErrorCode::kInvalid) {
    error.message += "; " + std::string(next);
  }
  return fail_with(std::move(error));
}

Status draw_status(const Common& common, bool again) {
  const auto status = call(common, "status");
  if (!status) return fail_with(status.error());
  if (common.json) {
    print(to_json(*status));
    return {};
  }
  const auto services = call(common, "services");
  if (!services) return fail_with(services.error());
  const auto requests = call(common, "requests");
  if (!requests) return fail_with(requests.error());
  std::string out = again && on_terminal() ? "\x1b[H\x1b[2J" : "";
  for (const auto& line :
       status_screen(*status, *services, *requests, wall_now(), terminal_columns())) {
    out += line + "\n";
  }
  out.pop_back();
  print(out);
  return {};
}

// Waits until the agent has ended, since the user's next command may start another agent.
bool has_ended(const Common& common) {
  for (int polls = 0; api::is_in_use(common.state); ++polls) {
    if (polls == kMaxEndPolls) return false;
    std::this_thread::sleep_for(kEndPoll);
  }
  return true;
}

}  // namespace

Status agent_status(const Common& common, bool watch) {
  constexpr std::chrono::seconds kRedraw{1};
  auto drawn = draw_status(common, watch);
  while (watch && drawn) {
    std::this_thread::sleep_for(kRedraw);
    drawn = draw_status(common, true);
  }
  return drawn;
}

Status agent_counters(const Common& common) {
  const auto answer = call(common, "counters");
  if (!answer) return fail_with(answer.error());
  auto text = answer->value("metrics", "");
  while (text.ends_with('\n')) text.pop_back();
  print(common.json ? to_json(*answer) : text);
  return {};
}

Status agent_services(const Common& common) {
  const auto answer = call(common, "services");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(to_json(*answer));
    return {};
  }
  const auto lines = services_table(*answer, wall_now(), terminal_columns());
  for (const auto& line : lines) print(line);
  if (lines.empty()) {
    print("no service is in reach; culvert request SERVICE --reason WHY asks for one");
  }
  return {};
}

Status agent_requests(const Common& common) {
  const auto answer = call(common, "requests");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(to_json(*answer));
    return {};
  }
  std::vector<Row> rows;
  for (const auto& row : rows_of(*answer, "requests")) {
    rows.push_back({bold(cell(row, "grant")), cell(row, "service"),
                    describe_state(cell(row, "state")), time_left(row, wall_now()),
                    cell(row, "reason")});
  }
  if (rows.empty()) {
    print("no requests; culvert request SERVICE --reason WHY makes one");
  } else {
    print_table({"GRANT", "SERVICE", "STATE", "TIME LEFT", "REASON"}, rows);
  }
  return {};
}

Status agent_audit(const Common& common) {
  const auto answer = call(common, "audit");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(to_json(*answer));
    return {};
  }
  for (const auto& line : audit_table(rows_of(*answer, "entries"), terminal_columns())) print(line);
  return {};
}

Status agent_forward(const Common& common, const std::string& spec) {
  const auto answer = ask(common, "forward", {{"spec", spec}}, kWhatIsInReach);
  if (!answer) return fail_with(answer.error());
  print(common.json ? to_json(*answer)
                    : "forwarding " + cell(*answer, "local") + " to " + cell(*answer, "host"));
  const auto local = answer->value("local", "");
  if (!common.json)
    hint_next("to end it: culvert forward-end " + local.substr(local.rfind(':') + 1));
  return {};
}

Status agent_forward_end(const Common& common, int port) {
  const auto answer = ask(common, "forward-end", {{"port", port}}, "culvert forwards lists them");
  if (!answer) return fail_with(answer.error());
  print(common.json ? to_json(*answer) : "forward ended");
  return {};
}

Status agent_forwards(const Common& common) {
  const auto answer = call(common, "forwards");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(to_json(*answer));
    return {};
  }
  std::vector<Row> rows;
  for (const auto& row : rows_of(*answer, "forwards")) {
    rows.push_back({bold(cell(row, "local")), cell(row, "host"), cell(row, "clients")});
  }
  if (rows.empty()) {
    print("no forwards; culvert forward LOCALPORT:SERVICE opens one");
  } else {
    print_table({"LOCAL", "SERVICE", "CONNECTIONS"}, rows);
  }
  return {};
}

Status agent_proxy(const Common& common) {
  const auto answer = call(common, "proxy-info");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(to_json(*answer));
    return {};
  }
  const auto address = cell(*answer, "address");
  print("SOCKS5 and HTTP CONNECT on " + address + ", for this user's processes alone:");
  print("  export ALL_PROXY=socks5h://" + address + " HTTPS_PROXY=http://" + address);
  return {};
}

// Prints the names for completions, one a line: services with a grant or a request, or grants.
Status agent_names(const Common& common, const std::string& kind) {
  std::set<std::string> names;
  const auto requests = call(common, "requests");
  if (!requests) return fail_with(requests.error());
  for (const auto& row : rows_of(*requests, "requests")) {
    names.insert(cell(row, kind == "grants" ? "grant" : "service"));
  }
  if (kind != "grants") {
    const auto services = call(common, "services");
    if (!services) return fail_with(services.error());
    for (const auto& row : rows_of(*services, "services")) names.insert(cell(row, "fqdn"));
  }
  for (const auto& name : names) print(name);
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
  const auto answer = ask(common, command, arguments, kWhichGrants);
  if (!answer) return fail_with(answer.error());
  if (command == "down" && !has_ended(common)) {
    return fail(ErrorCode::kTimeout, "the agent was told to stop and still runs: see its log");
  }
  print(common.json ? to_json(*answer) : command + (grant.empty() ? "" : " " + grant) + ": done");
  return {};
}

}  // namespace culvert::cli

// `culvert request`: hands the request to the agent, prints at once if the site's policy refuses
// it, and with --wait waits for the approvals.
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "agent/cli/running/call.hpp"
#include "agent/cli/running/commands.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/trust/statements/fields.hpp"

namespace culvert::cli {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kPoll{100};
constexpr int kMaxLooks = 5;             // 0.5 s for the agent's policy to judge the request
constexpr int kMaxPolls = 15 * 60 * 10;  // 15 min of waiting; the request itself lives longer

volatile std::sig_atomic_t interrupted = 0;
void note_interrupt(int) { interrupted = 1; }

// The state of the user's own request, as `culvert requests` shows it.
Result<std::string> state_of(const Common& common, const std::string& grant) {
  const auto requests = call(common, "requests");
  if (!requests) return fail_with(requests.error());
  for (const auto& row : rows_of(*requests, "requests")) {
    if (cell(row, "grant") == grant) return cell(row, "state");
  }
  return fail(ErrorCode::kNotFound, "the agent does not know the request any more");
}

Status refused(const std::string& grant, const std::string& state) {
  if (state.starts_with("INVALID")) {
    auto why = state.substr(std::string_view("INVALID").size());
    if (why.starts_with(" (")) why = ": " + why.substr(2, why.size() - 3);
    return fail(ErrorCode::kDenied, "the request cannot be approved" + why +
                                        "; ask for another service or a shorter --for");
  }
  return fail(ErrorCode::kDenied,
              "the request " + grant + " ended: " + state + "; culvert request asks anew");
}

// Error: the site's policy refuses the request. False: this device does not have the policy, as
// before its first grant at the site; then only approvers see that the policy refuses the request.
Result<bool> judged(const Common& common, const std::string& grant) {
  for (int i = 0; i < kMaxLooks; ++i) {
    const auto state = state_of(common, grant);
    if (!state) return fail_with(state.error());
    if (!is_undecided(*state)) {
      const auto ended = refused(grant, *state);
      return fail_with(ended.error());
    }
    if (*state != "PENDING") return true;
    std::this_thread::sleep_for(kPoll);
  }
  return false;
}

// Progress: on a terminal one line that changes, elsewhere one line for each change.
class Progress {
 public:
  void say(const std::string& text) {
    if (text == last_) return;
    last_ = text;
    if (!on_terminal()) return hint(text);
    overwrite(dim(text));
  }
  void end() {
    if (on_terminal() && !last_.empty()) overwrite("");
    last_.clear();
  }

 private:
  std::string last_;
};

// The grant's row among the usable services; null while there is none.
Result<json> usable(const Common& common, const std::string& grant) {
  const auto services = call(common, "services");
  if (!services) return fail_with(services.error());
  for (const auto& row : rows_of(*services, "services")) {
    if (cell(row, "grant") == grant && flag(row, "ready")) return row;
  }
  return json();
}

void say_how(const json& service) {
  const auto name = cell(service, "fqdn");
  const auto endpoint = cell(service, "endpoint");
  const auto port = endpoint.substr(endpoint.rfind(':') + 1);
  const auto left = time_left(service, runtime::read_clocks().wall);
  hint(green(name + " is usable") + (left.starts_with("unused") ? "; " : " for ") + left);
  const bool tls = cell(service, "protocol") == "tls";
  hint_next(tls ? "culvert run -- curl https://" + name + (port == "443" ? "" : ":" + port) + "/"
                : "culvert forward " + port + ":" + name);
}

Status wait_for(const Common& common, const std::string& grant) {
  Progress progress;
  std::signal(SIGINT, note_interrupt);
  for (int i = 0; i < kMaxPolls; ++i) {
    if (interrupted != 0) {
      progress.end();
      return fail(ErrorCode::kTimeout,
                  "not waiting any more; the request stands: culvert requests "
                  "shows its state, culvert revoke " +
                      grant + " withdraws it");
    }
    const auto service = usable(common, grant);
    if (!service) return fail_with(service.error());
    if (!service->is_null()) {
      progress.end();
      say_how(*service);
      return {};
    }
    const auto state = state_of(common, grant);
    if (!state) return fail_with(state.error());
    if (!is_undecided(*state)) {
      progress.end();
      return refused(grant, *state);
    }
    progress.say(state->starts_with("PENDING") ? describe_state(*state)
                                               : "approved; the path is being made");
    std::this_thread::sleep_for(kPoll);
  }
  progress.end();
  return fail(ErrorCode::kTimeout, "nobody approved in time; culvert requests shows its state");
}

// The times of --claim and --start, as arguments of the local API.
Result<json> times_of(const Request& request) {
  json out = json::object();
  if (!request.claim.empty()) {
    const auto claim = parse_duration(request.claim);
    if (!claim || claim->count() == 0) {
      return fail(ErrorCode::kInvalid, "--claim: write a time such as 15m or 4h");
    }
    out["claim_seconds"] = claim->count();
  }
  if (!request.start.empty()) {
    if (!parse_time(request.start)) {
      return fail(ErrorCode::kInvalid, "--start: write a time such as 2026-11-21T15:00:00Z");
    }
    out["start"] = request.start;
  }
  return out;
}

}  // namespace

Status agent_request(const Common& common, const Request& request) {
  const auto length = parse_duration(request.length);
  if (!length) return fail(ErrorCode::kInvalid, "--for: write a time such as 15m or 1h");
  if (!trust::valid_reason(request.reason)) {
    return fail(ErrorCode::kInvalid, "--reason: write 1 to 200 visible characters on one line");
  }
  auto arguments = times_of(request);
  if (!arguments) return fail_with(arguments.error());
  (*arguments)["service"] = request.service;
  (*arguments)["reason"] = request.reason;
  (*arguments)["seconds"] = length->count();
  const auto answer = call(common, "request", *arguments);
  if (!answer && answer.error().code == ErrorCode::kInvalid) {
    return with_next(fail_with(answer.error()),
                     "write the service's full name, such as api.acme.byoc.example.com");
  }
  if (!answer) return fail_with(answer.error());
  const auto grant = cell(*answer, "grant");
  if (common.json) {
    print(to_json(*answer));
  } else {
    print("requested " + bold(grant) + "  " + request.service + " for " + format_duration(*length));
  }
  const auto known = judged(common, grant);
  if (!known) return fail_with(known.error());
  if (!common.json) {
    hint_next(std::string(request.wait ? "" : "culvert requests shows its state; ") +
              "approvers run: culvert approve " + grant + " --key FILE");
    if (!*known)
      hint("whether the site's policy allows it, only approvers see before a first grant");
  }
  return request.wait ? wait_for(common, grant) : Status{};
}

}  // namespace culvert::cli

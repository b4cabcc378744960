#include "agent/cli/running/ping.hpp"

#include <nlohmann/json.hpp>
#include <thread>

#include "agent/cli/running/call.hpp"
#include "agent/cli/running/commands.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"

namespace culvert::cli {

bool Pings::more() const { return count_ > 0 ? sent_ < count_ : !direct_ && sent_ < kMaxPings; }

void Pings::answered(bool direct) {
  ++sent_;
  ++answered_;
  direct_ = direct;
}

std::optional<std::string> Pings::summary(const std::string& target) const {
  const auto counts = std::to_string(answered_) + " of " + std::to_string(sent_);
  if (answered_ == 0) {
    return "no answer from " + target + " to " + std::to_string(sent_) +
           (sent_ == 1 ? " ping" : " pings") + "; culvert status shows paths and relay";
  }
  const auto lost = answered_ < sent_ ? counts + " pings were answered" : std::string();
  if (direct_) return lost.empty() ? std::nullopt : std::optional(lost);
  return (lost.empty() ? "" : lost + "; ") +
         "still by relay: it works, a direct path would be quicker; a firewall on one side may "
         "drop "
         "UDP";
}

namespace {

void print_pong(const nlohmann::json& answer) {
  const auto path = cell(answer, "path");
  print("pong from " + bold(cell(answer, "peer")) + " by " +
        (path == "direct" ? green(path) : yellow(path)) + " (" + cell(answer, "via") + ") in " +
        milliseconds(answer, "round_trip_ms"));
}

}  // namespace

Status agent_ping(const Common& common, const std::string& target, int count) {
  Pings pings(count);
  while (pings.more()) {
    const auto answer = call(common, "ping", {{"to", target}});
    if (answer) {
      pings.answered(cell(*answer, "path") == "direct");
      common.json ? print(to_json(*answer)) : print_pong(*answer);
    } else if (answer.error().code == ErrorCode::kTimeout) {
      pings.unanswered();
      if (!common.json && pings.more()) print(printable(answer.error().message));
    } else if (answer.error().code == ErrorCode::kNotFound) {
      return with_next(fail_with(answer.error()),
                       "culvert services lists what is in reach, culvert request NAME --reason WHY "
                       "asks for it");
    } else {
      return fail_with(answer.error());
    }
    if (pings.more()) std::this_thread::sleep_for(kPingInterval);
  }
  const auto summary = pings.summary(target);
  if (!pings.any()) return fail(ErrorCode::kTimeout, *summary);
  if (summary) hint(*summary);
  return {};
}

}  // namespace culvert::cli

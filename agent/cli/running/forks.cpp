// culvert fork: two texts of the newest epoch of a root, as the running agent knows them.
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/cli/running/call.hpp"
#include "agent/cli/running/commands.hpp"
#include "agent/cli/show/common.hpp"
#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"

namespace culvert::cli {
namespace {

using nlohmann::json;

void show_text(const json& text) {
  std::string signers;
  for (const auto& name : rows_of(text, "signers")) {
    if (name.is_string()) signers += (signers.empty() ? "" : ", ") + name.get<std::string>();
  }
  print("");
  print(bold(cell(text, "hash")) + (text.value("kept", false) ? "  in force here" : "  not taken"));
  print("  signed by " + printable(signers));
  std::istringstream lines(text.value("text", ""));
  for (std::string line; std::getline(lines, line);) print("  | " + printable(line));
}

}  // namespace

Status agent_forks(const Common& common) {
  const auto answer = call(common, "forks");
  if (!answer) return fail_with(answer.error());
  if (common.json) {
    print(to_json(*answer));
    return {};
  }
  const auto& forks = rows_of(*answer, "forks");
  if (forks.empty()) print("each root known here has one text for its newest epoch");
  for (const auto& fork : forks) {
    print(
        "the " + cell(fork, "root") + " root of " + cell(fork, "name") + ": epoch " +
        std::to_string(fork.value("epoch", 0)) +
        " was signed with more than one text; no new grant begins until there is a next epoch, or "
        "until somebody chooses here");
    for (const auto& text : rows_of(fork, "texts")) show_text(text);
  }
  if (!forks.empty()) {
    hint_next(
        "ask those who sign this root, by telephone, which hash is theirs; then culvert fork "
        "choose "
        "sha256:...");
  }
  return {};
}

Status agent_fork_choose(const Common& common, const std::string& text) {
  const auto answer = call(common, "fork-choose", {{"text", text}});
  if (!answer) return fail_with(answer.error());
  print(common.json ? to_json(*answer) : "this agent keeps the text " + text);
  return {};
}

}  // namespace culvert::cli

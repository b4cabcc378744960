#include "agent/cli/people/statement.hpp"

#include <algorithm>

#include "agent/cli/show/output.hpp"
#include "agent/cli/show/format.hpp"
#include "proto/trust/statements/display.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {

// Prints a statement's text as its signer must read it, wrapped for this terminal.
void show_statement(std::string_view statement_text) {
  constexpr std::size_t kIndent = 2;
  const auto columns = terminal_columns();
  const auto shown = trust::display_text(
      statement_text, columns == 0 ? 0 : std::max(columns, kIndent + 1) - kIndent);
  for (std::size_t at = 0; at < shown.size();) {
    const auto end = shown.find('\n', at);
    print("  " + shown.substr(at, end - at));
    at = end == std::string::npos ? shown.size() : end + 1;
  }
}

// Prints a state that only the coordinator asserts. On the line of `verified` only words and
// numbers of the state appear. Any other text has rows of its own, so that nobody takes it for
// verified.
void show_says(const std::string& state, const std::string& verified) {
  constexpr std::string_view kSays = "the coordinator says: ";
  const bool plain = state.size() <= 60 && std::all_of(state.begin(), state.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == ' ' || c == '=';
                     });
  const auto columns = terminal_columns();
  const auto line = kSays.size() + state.size() + 2 + verified.size();
  if (plain && (columns == 0 || line <= columns)) {
    return print(std::string(kSays) + bold(state) + (verified.empty() ? "" : "  " + dim(verified)));
  }
  for (const auto& row : within(kSays, printable(state), columns)) print(row);
  if (!verified.empty()) print(dim(verified));
}

std::string text_hash(const note::Note& note) {
  return trust::format_hash(note::hash(note).view());
}

}  // namespace culvert::cli

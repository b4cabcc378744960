// Output of all commands: tables, colours on a terminal only, one line for an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/show/common.hpp"
#include "proto/cli/exit_codes.hpp"
#include "proto/core/result.hpp"

namespace culvert::cli {

// Prints an error, if there is one, and returns the exit code. An error is one line on standard
// error, and with --json also an object on standard output, as in the agent's local API: {"error":
// CODE, "message": LINE}.
int finish(const Common& common, const Status& status);
// As finish(), for a call to the agent, where kUnavailable means that no agent runs.
int finish_call(const Common& common, const Status& status);

bool on_terminal();              // true: standard output is a terminal
std::size_t terminal_columns();  // 0: no terminal, lines of any length

// Adds "; next" to an error's line: what to do about the error.
Status with_next(Status status, std::string_view next);

// Only on a terminal, and not with NO_COLOR.
std::string bold(std::string_view text);
std::string green(std::string_view text);
std::string yellow(std::string_view text);
std::string dim(std::string_view text);

void print(std::string_view line);      // to standard output, with a line feed
void overwrite(std::string_view text);  // replaces the terminal's present line
void hint(std::string_view line);       // to standard error: progress and hints
// `begin` and words of others, to standard error, in rows as within() makes them.
void hint_within(std::string_view begin, std::string_view value);
void hint_next(std::string_view line);  // "next: …", dimmed, to standard error

using Row = std::vector<std::string>;
// A table with aligned columns. If it is wider than `columns` (0: never), a block of lines for each
// row.
std::vector<std::string> table(const Row& header, const std::vector<Row>& rows,
                               std::size_t columns);
void print_table(const Row& header, const std::vector<Row>& rows);

// `begin` and then a value from another party, in lines that no terminal of `columns` columns (0:
// any) wraps. Further lines begin with spaces and a bar, so that none looks like a line of the
// program.
std::vector<std::string> within(std::string_view begin, std::string_view value,
                                std::size_t columns);

// A text from another party, made safe for a terminal. Characters that are invisible or move other
// characters are written as \u{202e}: control and bidirectional characters, blank letters, stacks
// of combining characters. Bytes that are not UTF-8 are written as \xff.
std::string printable(std::string_view text);

}  // namespace culvert::cli

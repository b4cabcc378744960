// What all commands print with: tables, colours on a terminal only, one line for an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/options.hpp"
#include "proto/cli/exit_codes.hpp"
#include "proto/core/result.hpp"

namespace culvert::cli {

// The exit code. An error is one line on standard error, and with --json also an object on standard
// output: {"error": CODE, "message": LINE}, as the agent's local API says it.
int finish(const Common& common, const Status& status);
// The same for a call to the agent: kUnavailable means that no agent runs.
int finish_call(const Common& common, const Status& status);

bool on_terminal();              // standard output is one
std::size_t terminal_columns();  // 0: no terminal, lines may be as long as they are

// "…; next" added to the line of an error: what to do about it.
Status with_next(Status status, std::string_view next);

// Only on a terminal, and not with NO_COLOR.
std::string bold(std::string_view text);
std::string green(std::string_view text);
std::string yellow(std::string_view text);
std::string dim(std::string_view text);

void print(std::string_view line);      // to standard output, with a line feed
void overwrite(std::string_view text);  // the terminal's line, with what may be overwritten again
void hint(std::string_view line);       // to standard error: progress and hints
// `begin` and words of others, to standard error, in rows as within() makes them.
void hint_within(std::string_view begin, std::string_view value);
void hint_next(std::string_view line);  // "next: …", dimmed, to standard error

using Row = std::vector<std::string>;
// Aligned columns; where they are wider than `columns` (0: never), a block of lines for each row.
std::vector<std::string> table(const Row& header, const std::vector<Row>& rows,
                               std::size_t columns);
void print_table(const Row& header, const std::vector<Row>& rows);

// `begin` and then a value of others, in lines that no terminal of `columns` columns (0: any)
// wraps. Further lines begin with spaces and a bar, so none looks like a line of its own.
std::vector<std::string> within(std::string_view begin, std::string_view value,
                                std::size_t columns);

// A text of others as it may stand on a terminal: whatever is invisible or moves what is beside it
// (controls, bidirectional ones, blank letters, stacks of combining characters, what is not UTF-8)
// is written \u{202e} or \xff.
std::string printable(std::string_view text);

}  // namespace culvert::cli

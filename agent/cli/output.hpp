// What all commands print with: tables, colours on a terminal only, one line for an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"

namespace culvert::cli {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitNoAgent = 3;
constexpr int kExitDenied = 4;
constexpr int kExitTimeout = 5;

int exit_code(const Error& error);
int finish(const Status& status);  // prints the error, if any, as one line; the exit code
int finish_call(
    const Status& status);  // the same for a call to the agent: kUnavailable is no agent

bool on_terminal();  // standard output is one, and NO_COLOR is not set
std::string bold(std::string_view text);
std::string green(std::string_view text);
std::string yellow(std::string_view text);
std::string dim(std::string_view text);

void print(std::string_view line);      // to standard output, with a line feed
void hint(std::string_view line);       // to standard error: progress and hints
void hint_next(std::string_view line);  // "next: …", dimmed, to standard error
void print_table(const std::vector<std::string>& header,
                 const std::vector<std::vector<std::string>>& rows);

// Terminal control characters of a foreign text made visible.
std::string printable(std::string_view text);

}  // namespace culvert::cli

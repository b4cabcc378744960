// How a command prints texts of other parties on a real terminal.
#include "agent/cli/show/output.hpp"

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>

using namespace culvert;
using namespace culvert::cli;

namespace {

// The rows that finish() prints on a terminal of 80 columns; only standard error is a terminal.
std::string rows_of_failure(const std::string& message) {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = 80;
  int terminal = -1;
  const auto child = ::forkpty(&terminal, nullptr, nullptr, &size);
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(STDOUT_FILENO);
    ::_exit(finish({}, fail(ErrorCode::kUnavailable, message)));
  }
  std::string out;
  std::array<char, 512> chunk{};
  for (;;) {
    const auto got = ::read(terminal, chunk.data(), chunk.size());
    if (got <= 0) break;
    out.append(chunk.data(), static_cast<std::size_t>(got));
  }
  ::close(terminal);
  ::waitpid(child, nullptr, 0);
  return out;
}

}  // namespace

TEST_CASE("a refusal's text imitates no row of the screen", "[cli][output]") {
  // A coordinator pads its text so that the terminal would begin a row in the middle of the text.
  std::string message = "1 request";
  const std::string hash = "sha256:" + std::string(64, 'e');
  for (const auto* row : {hash.c_str(), "requester: alice"}) {
    message.resize((message.size() / 71 + 1) * 71, ' ');
    message += row;
  }
  const auto rows = rows_of_failure(message);
  std::size_t at = 0;
  for (int number = 0; at < rows.size(); ++number) {
    const auto end = std::min(rows.find("\r\n", at), rows.size());
    const auto row = rows.substr(at, end - at);
    INFO(row);
    CHECK(row.size() <= 80);
    CHECK(row.starts_with(number == 0 ? "culvert: " : "       | "));
    at = end + 2;
  }
  CHECK(rows.find("requester: alice") != std::string::npos);
}

// Texts from other parties on a screen. An attacker puts any bytes into names, reasons, states and
// details; the test checks every row that a terminal of 20 to 200 columns draws.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "agent/cli/show/format.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/show/screen.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/unicode.hpp"
#include "proto/core/utf8.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::cli;
using nlohmann::json;

namespace {

// The most columns that a terminal gives a line without colour sequences.
std::size_t widest(std::string_view line) {
  std::size_t out = 0;
  while (!line.empty()) {
    const auto point = take_code_point(line);
    REQUIRE(point);
    out += unicode::most_columns(*point);
  }
  return out;
}
std::string plain(std::string line) {
  for (auto at = line.find('\x1b'); at != std::string::npos; at = line.find('\x1b')) {
    line.erase(at, line.find('m', at) - at + 1);
  }
  return line;
}

const std::vector<std::string> kPayloads = {
    "\x1b[2J\x1b[H all is well",
    "\x1b]0;title\x07",
    "\xc2\x9b"
    "31mRED\xc2\x9b"
    "0m",
    "a\u202etxt.exe\u202c",
    "a\u2066b\u2069\u200f\u061c",
    "a\nHEALTH  all is well",
    "a\r\x08\x7f\tb",
    "a\u2028b\u2029c",
    "\u2800\u3164\u115f\uffa0\u00a0\u3000",
    "e\u0301\u0301\u0301",
    "\u0488\u0488\u0488 x\u0e31\u0e31\u0e31\u0e31\u0e31\u0e31\u0e31\u0e31",
    "bad\xff\xc0\xae utf8 \xed\xa0\x80",
    std::string(500, 'x'),
    std::string(30, ' ') + "STATE  ACTIVE",
    "日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語",
    "🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑",
    std::string("nul\0inside", 10),
};

bool is_safe(std::string_view text) {
  while (!text.empty()) {
    const auto point = take_code_point(text);
    if (!point) return false;
    if (!unicode::is_starter(*point) && !unicode::is_mark(*point)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("screen attack: nothing invisible and nothing that moves its neighbours is printed") {
  CHECK(printable("plain, Ünïcode, 日本語") == "plain, Ünïcode, 日本語");
  CHECK(printable("a\x1b[31mb") == "a\\u{1b}[31mb");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\u{9b}31m");
  CHECK(printable("a\u202eb") == "a\\u{202e}b");
  CHECK(printable("a\u2066b\u061c") == "a\\u{2066}b\\u{61c}");
  CHECK(printable("a\nb\tc\x7f") == "a\\u{a}b\\u{9}c\\u{7f}");
  CHECK(printable("\u2800\u00a0\u3164") == "\\u{2800}\\u{a0}\\u{3164}");
  CHECK(printable("\xff\xc0\xae") == "\\xff\\xc0\\xae");
  CHECK(printable("\u0e31x") == "\\u{e31}x");  // would be drawn over the text before
  CHECK(printable("x\u0e31\u0e31\u0e31\u0e31\u0e31") == "x\u0e31\u0e31\u0e31\u0e31\\u{e31}");
  CHECK(printable("\U000e0041") == "\\u{e0041}");
  for (const auto& payload : kPayloads) CHECK(is_safe(printable(payload)));
  SeededRng rng(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (auto left = rng.below(40); left > 0; --left) bytes += static_cast<char>(rng.below(256));
    CHECK(is_safe(printable(bytes)));
  }
}

TEST_CASE("screen attack: a value never begins a row, on screens of 20 to 200 columns") {
  for (std::size_t columns = 20; columns <= 200; ++columns) {
    for (const auto& payload : kPayloads) {
      INFO(columns << " columns: " << printable(payload));
      const auto value = printable(payload);
      const auto lines = within("  health        ", bold(value), columns);
      REQUIRE_FALSE(lines.empty());
      std::string joined;
      for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto line = plain(lines[i]);
        CHECK(widest(line) <= columns);
        if (i == 0) {
          CHECK(line.starts_with("  health        "));
          joined += line.substr(16);
        } else {
          const auto bar = line.find("| ");
          REQUIRE(bar != std::string::npos);
          CHECK(line.substr(0, bar).find_first_not_of(' ') == std::string::npos);
          joined += line.substr(bar + 2);
        }
      }
      CHECK(joined == value);
    }
  }
}

TEST_CASE("screen attack: tables of hostile cells keep their rows on every screen") {
  const Row header = {"GRANT", "SERVICE", "STATE", "REASON"};
  for (std::size_t columns = 20; columns <= 200; columns += 3) {
    for (const auto& payload : kPayloads) {
      const auto cell_text = cell({{"x", payload.substr(0, 1) == "b" ? "-" : "y"}}, "x");
      const std::vector<Row> rows = {{bold("01JD6Q0V5M3T9R8W2K7YB4XHNC"), printable(payload),
                                      green("ACTIVE"), printable(payload)},
                                     {cell_text, "s", "PENDING", "r"}};
      for (const auto& each : table(header, rows, columns)) {
        const auto line = plain(each);
        INFO(columns << " columns: " << line);
        CHECK(widest(line) <= columns);
        CHECK(line.find('\n') == std::string::npos);
      }
    }
  }
  // Columns stay aligned below wide letters.
  const auto lines = table({"A", "B"}, {{"日本", "x"}, {"abcd", "y"}}, 0);
  CHECK(plain(lines[1]) == "日本  x");
  CHECK(plain(lines[2]) == "abcd  y");
}

TEST_CASE("screen attack: the status screen of a hostile agent or coordinator") {
  for (std::size_t columns = 20; columns <= 200; columns += 9) {
    for (const auto& payload : kPayloads) {
      const json status = {{"role", "device"},
                           {"name", "laptop"},
                           {"person", payload},
                           {"identity", "ed25519:aa"},
                           {"coordinator_error", payload},
                           {"home_relay", payload},
                           {"relay_connected", true},
                           {"address", "fd63::1"},
                           {"stack", payload},
                           {"peers", {{{"name", payload}, {"path", payload}, {"relay", payload}}}}};
      const auto now = *parse_time("2026-11-22T09:00:00Z");
      for (const auto& each : status_screen(status, json::object(), json::object(), now, columns)) {
        INFO(columns << " columns: " << plain(each));
        CHECK(widest(plain(each)) <= columns);
        CHECK(is_safe(plain(each)));
      }
    }
  }
}

TEST_CASE("screen attack: JSON is one line of ASCII, whatever bytes are in it") {
  for (const auto& payload : kPayloads) {
    const auto text = to_json({{"detail", payload}});
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    CHECK_NOTHROW(json::parse(text));
  }
}

TEST_CASE("screen attack: a node named coordinator is shown with its key") {
  const json entries = {{{"at", "t"}, {"reporter", "coordinator"}, {"kind", "approval"}},
                        {{"at", "t"},
                         {"reporter", "ed25519:0123456789abcdef"},
                         {"reporter_name", "coordinator"},
                         {"kind", "approval"}}};
  const auto lines = audit_table(entries, 0);
  REQUIRE(lines.size() == 3);
  CHECK(plain(lines[1]).find("(coordinator)") != std::string::npos);
  CHECK(plain(lines[2]).find("coordinator ed25519:01234567…") != std::string::npos);
  CHECK(plain(lines[2]).find("(coordinator)") == std::string::npos);
}

// Which characters a text from another party may have, and how it appears on a screen. An attacker
// writes reasons that look like other lines; the test checks every row that a terminal draws.
#include "proto/trust/statements/display.hpp"

#include <catch2/catch.hpp>

#include "proto/core/unicode.hpp"
#include "proto/core/utf8.hpp"
#include "proto/trust/statements/fields.hpp"
#include "proto/trust/statements/scope.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;

namespace {

std::string utf8(char32_t point) {
  std::string out;
  const auto add = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xC0U | (point >> 6U));
  } else if (point < 0x10000) {
    add(0xE0U | (point >> 12U));
    add(0x80U | ((point >> 6U) & 0x3FU));
  } else {
    add(0xF0U | (point >> 18U));
    add(0x80U | ((point >> 12U) & 0x3FU));
    add(0x80U | ((point >> 6U) & 0x3FU));
  }
  if (point >= 0x80) add(0x80U | (point & 0x3FU));
  return out;
}
std::string repeated(const std::string& text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

// Terminals differ in the width of characters that are not ASCII.
enum class Terminal { kUsual, kEverythingWide, kMarksApart, kNarrow };
std::size_t drawn(Terminal terminal, char32_t point) {
  if (point < 0x80) return 1;
  const bool mark = unicode::is_combining(point);
  switch (terminal) {
    case Terminal::kUsual:
      return unicode::columns(point);
    case Terminal::kEverythingWide:
      return mark ? 0 : 2;
    case Terminal::kMarksApart:
      return mark ? 1 : 2;
    case Terminal::kNarrow:
      return mark ? 0 : 1;
  }
  return 1;
}

// The rows that a terminal of this width draws of a text; a full row wraps.
std::vector<std::string> rows_of(const std::string& text, std::size_t width, Terminal terminal) {
  std::vector<std::string> rows(1);
  std::size_t column = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto before = rest;
    const auto point = take_code_point(rest);
    REQUIRE(point);
    if (*point == '\n') {
      rows.emplace_back();
      column = 0;
      continue;
    }
    const auto wide = drawn(terminal, *point);
    if (column + wide > width) {
      rows.emplace_back();
      column = 0;
    }
    rows.back() += before.substr(0, before.size() - rest.size());
    column += wide;
  }
  if (rows.back().empty()) rows.pop_back();
  return rows;
}

// Each row belongs to the reason or begins a field of the signed text.
void check_screen(const std::string& text, std::size_t width) {
  const auto shown = display_text(text, width);
  for (const auto terminal :
       {Terminal::kUsual, Terminal::kEverythingWide, Terminal::kMarksApart, Terminal::kNarrow}) {
    std::vector<std::string> fields;
    for (const auto& row : rows_of(shown, width, terminal)) {
      if (row.starts_with("  | ") || row == "reason:") continue;
      fields.push_back(row);
    }
    std::size_t expected = 0;
    for (std::string_view rest = text; !rest.empty();) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (line.starts_with("reason: ")) continue;
      INFO("width " << width << " terminal " << static_cast<int>(terminal) << " line " << line);
      REQUIRE(expected < fields.size());
      CHECK(line.starts_with(fields[expected]));
      ++expected;
    }
    CHECK(expected == fields.size());
  }
}

std::string grant_text(const std::string& reason) {
  World w;
  auto request = w.request();
  request.reason = reason;
  return w.ask(request).text;
}

}  // namespace

TEST_CASE("display: no reason imitates a line, on any terminal from 20 to 200 columns") {
  const std::string imitation = "recording: none not-after: 2099-01-01T00:00:00Z";
  std::string reason;
  SECTION("dots up to the old width") { reason = "nothing. " + std::string(51, '.') + imitation; }
  SECTION("wide letters") { reason = repeated("日", 60) + imitation; }
  SECTION("narrow letters that some terminals draw wide") {
    reason = repeated("§", 60) + imitation;
  }
  SECTION("marks that some terminals draw apart") { reason = repeated("กั่", 40) + imitation; }
  SECTION("a very long word") { reason = std::string(200, 'x'); }
  SECTION("imitations at every width") { reason = repeated(" |", 1) + repeated("a: b c", 30); }
  SECTION("emoji") { reason = repeated("🔑", 100) + imitation; }
  SECTION("a short one") { reason = "x"; }
  if (reason.front() == ' ') reason.erase(0, 1);
  REQUIRE(valid_reason(reason));
  const auto text = grant_text(reason);
  for (std::size_t width = 20; width <= 200; ++width) check_screen(text, width);
}

TEST_CASE("display: a long scope imitates no line either") {
  World w;
  auto request = w.request();
  request.scope = "kubernetes group=diagnostics long=" + std::string(100, 'a') + " vendor=nobody";
  REQUIRE(valid_grant_scope(request.scope));
  auto grant = Grant::parse(w.ask(w.request()).text).value();
  grant.scope = request.scope;
  for (std::size_t width = 20; width <= 200; ++width) check_screen(grant.render(), width);
}

TEST_CASE("display: rows lose nothing and begin with no combining character") {
  SeededRng rng(5);
  const std::vector<std::string> letters = {"a", " ", "é", "日", "ก", "\u0e31", "\u0e48", "🔑", "|"};
  for (int round = 0; round < 300; ++round) {
    std::string word = "x";
    for (auto left = rng.below(200); left > 0; --left) word += letters[rng.below(letters.size())];
    const auto columns = 1 + rng.below(70);
    std::string joined;
    for (const auto row : wrap(word, columns)) {
      auto rest = row;
      CHECK_FALSE(unicode::is_combining(take_code_point(rest).value()));
      joined += row;
    }
    CHECK(joined == word);
  }
}

TEST_CASE("display: without a terminal the reason alone is cut into rows") {
  const auto text = grant_text("nothing. " + std::string(51, '.') + "recording: none");
  const auto shown = display_text(text);
  CHECK(shown.find("\nreason:\n  | nothing. ") != std::string::npos);
  CHECK(shown.find("\n  | recording: none\n") != std::string::npos);
  for (std::string_view rest = shown; !rest.empty();) {
    const std::string line(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(line.size() + 1);
    if (line.rfind("  | ", 0) == 0 || line == "reason:") continue;
    INFO(line);
    CHECK((text.find(line + "\n") != std::string::npos));
  }
  CHECK(display_text("").empty());
  CHECK(display_text("reason: \xff\n") == "reason:\n");
  CHECK(display_text("field: \xff\n", 20) == "field: \n");
}

TEST_CASE("reason: everything that shows nothing is refused, wherever it stands") {
  struct Range {
    char32_t first, last;
  };
  // DerivedCoreProperties.txt of Unicode 14, Default_Ignorable_Code_Point.
  std::vector<Range> hidden = {
      {0xAD, 0xAD},       {0x34F, 0x34F},    {0x61C, 0x61C},   {0x115F, 0x1160}, {0x17B4, 0x17B5},
      {0x180B, 0x180F},   {0x200B, 0x200F},  {0x202A, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
      {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},  {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3},
      {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};
  // PropList.txt, White_Space without U+0020.
  for (const Range space : {Range{0x9, 0xD},
                            {0x85, 0x85},
                            {0xA0, 0xA0},
                            {0x1680, 0x1680},
                            {0x2000, 0x200A},
                            {0x2028, 0x2029},
                            {0x202F, 0x202F},
                            {0x205F, 0x205F},
                            {0x3000, 0x3000}}) {
    hidden.push_back(space);
  }
  // Blank glyphs, and the control characters C0, DEL and C1.
  for (const Range more :
       {Range{0x2800, 0x2800}, {0x1D159, 0x1D159}, {0x16FE4, 0x16FE4}, {0x0, 0x1F}, {0x7F, 0x9F}}) {
    hidden.push_back(more);
  }
  std::size_t taken = 0;
  for (const auto& range : hidden) {
    for (char32_t point = range.first; point <= range.last; ++point) {
      for (const auto& reason : {"a" + utf8(point) + "b", utf8(point) + "b", "a" + utf8(point)}) {
        if (valid_reason(reason)) ++taken;
      }
      if (unicode::is_starter(point) || unicode::is_mark(point)) ++taken;
    }
  }
  CHECK(taken == 0);
  CHECK(valid_reason("a\u2801b"));  // a Braille pattern with a dot
}

TEST_CASE("reason: stacks of combining characters are refused, what languages need is not") {
  CHECK(valid_reason("กั่"));
  CHECK(valid_reason("हिन्दी क्षत्रिय"));
  CHECK(valid_reason("தமிழ் العربية עִברית"));
  CHECK_FALSE(valid_reason("x" + repeated("\u0e31", unicode::kMaxCombining + 1)));
  CHECK_FALSE(valid_reason("x" + repeated("\u0488", 20)));  // enclosing, combining class 0
  CHECK_FALSE(valid_reason("\u0e31x"));
  CHECK_FALSE(valid_reason("\u0488"));
}

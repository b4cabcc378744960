// No dead declarations: each function, constant and type that a product header declares has a use
// somewhere in the product. A use in a test does not count.
//
// The test reads text, not C++: a name is dead when every occurrence in the product looks like a
// declaration or a definition. So a dead name escapes when a living one has the same name. Plain
// enums are tables of a specification's numbers and may hold numbers that nothing uses.
#include <array>
#include <catch2/catch.hpp>
#include <cctype>
#include <map>

#include "tests/tidy/sources_support.hpp"

namespace {

using culvert::tidy::File;

// Names that only tests use, and why the product has them all the same.
const std::map<std::string, std::string>& allowed() {
  static const std::map<std::string, std::string> table = {
      {"command_tree", "tests compare the pages in docs/ with the program's commands"},
      {"parse_settings", "tests and fuzzers parse a configuration that is not in a file"},
      {"verify_inclusion", "the auditor's half of RFC 6962: what prove_inclusion() is for"},
      {"verify_consistency", "the auditor's half of RFC 6962: what prove_consistency() is for"},
      {"prove_inclusion", "the log's half of RFC 6962, which docs/protocols/audit.md promises"},
      {"prove_consistency", "the log's half of RFC 6962, which docs/protocols/audit.md promises"},
      {"parse_response_head", "tests read one response head; the product reads a stream of them"},
      {"metrics_endpoint", "tests learn the port that the system chose"},
      {"reserve_left", "tests see how much of the reserve a revocation has used"},
      {"held_by", "tests see how many places one source has"},
      {"torn_bytes", "tests see how much of a torn log open() has cut off"},
      {"skipped_frames", "tests see that unknown frames are skipped"},
      {"segmentation", "tests see whether the kernel splits datagrams"},
      {"key_hash", "tests compare a certificate's key with the one in a `service` statement"},
  };
  return table;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The line without string literals and comments.
std::string code_of(const std::string& line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line.compare(i, 2, "//") == 0) break;
    if (line[i] != '"' || (i > 0 && line[i - 1] == '\'')) {
      out += line[i];
      continue;
    }
    for (++i; i < line.size() && line[i] != '"'; ++i) {
      if (line[i] == '\\') ++i;
    }
  }
  return out;
}

std::string first_word(const std::string& text) {
  std::size_t begin = 0;
  while (begin < text.size() && !is_word(text[begin])) ++begin;
  std::size_t end = begin;
  while (end < text.size() && is_word(text[end])) ++end;
  return text.substr(begin, end - begin);
}

// `before` is the line's text before a name that a "(" follows.
bool declares_function(const File& file, const std::string& before) {
  static const std::array<std::string_view, 7> statements = {
      "return", "co_return", "else", "throw", "new", "case", "delete"};
  if (before.find_first_of("(=.!;?{+|") != std::string::npos) return false;
  if (before.find("->") != std::string::npos || first_word(before).empty()) return false;
  for (const auto word : statements) {
    if (first_word(before) == word) return false;
  }
  const bool qualified = before.ends_with("::");
  const bool indented = before.front() == ' ';
  if (indented) return file.header() && !qualified;
  return true;
}

struct Name {
  std::string declared_in;  // the first header that declares the name; empty: none
  std::size_t uses = 0;
};

void count(const File& file, const std::string& line, std::map<std::string, Name>& names) {
  for (std::size_t begin = 0; begin < line.size(); ++begin) {
    if (!is_word(line[begin]) || std::isdigit(static_cast<unsigned char>(line[begin])) != 0) {
      while (begin < line.size() && is_word(line[begin])) ++begin;
      continue;
    }
    std::size_t end = begin;
    while (end < line.size() && is_word(line[end])) ++end;
    const auto word = line.substr(begin, end - begin);
    const auto before = line.substr(0, begin);
    const auto after = line.substr(end);
    const auto first = first_word(before);
    const bool scoped = first == "enum" && before.find("class") != std::string::npos;
    const bool type = (first == "class" || first == "struct" || scoped) &&
                      before.find_first_of("(<:") == std::string::npos;
    if (first == "enum" && !scoped) return;  // its enumerators are used without its name
    const bool alias = first == "using" && after.starts_with(" =");
    const bool constant = word.size() > 1 && word[0] == 'k' && word[1] >= 'A' && word[1] <= 'Z' &&
                          before.find("constexpr") != std::string::npos &&
                          before.find_first_of("={([") == std::string::npos;
    const bool function =
        after.starts_with("(") && !word.starts_with("CULVERT_") && declares_function(file, before);
    auto& name = names[word];
    if (type || alias || constant || function) {
      if (file.header() && name.declared_in.empty()) name.declared_in = file.path;
    } else {
      ++name.uses;
    }
    begin = end;
  }
}

}  // namespace

TEST_CASE("tidy: no dead declarations") {
  std::map<std::string, Name> names;
  for (const auto& file : culvert::tidy::sources()) {
    if (!file.product()) continue;
    for (const auto& line : file.lines) {
      const auto code = code_of(line);
      if (code.find("#include") == std::string::npos) count(file, code, names);
    }
  }
  std::vector<std::string> offences;
  for (const auto& [word, name] : names) {
    const bool dead = !name.declared_in.empty() && name.uses == 0;
    if (dead && !allowed().contains(word)) {
      offences.push_back(name.declared_in + " declares " + word + ", which nothing uses");
    }
  }
  for (const auto& [word, why] : allowed()) {
    if (!names.contains(word) || names[word].uses > 0) {
      offences.push_back(word + " is allowed to be dead, but is not");
    }
  }
  culvert::tidy::check_none(offences);
}

// A draft: a statement that still needs signatures, as a file that goes from person to person.
//
//   <text of the statement>
//                                   an empty line, once the first person has signed
//   — <person> <signature>          one line for each person who has signed
//
// Without signatures the file is the text alone, for an editor. With enough signatures the file is
// the note itself, which every program that reads notes takes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"

namespace culvert::cli {

// Reads the text and its signature lines, if there are any. Does not check the text.
Result<note::Note> read_draft(const std::filesystem::path& path);
Status write_draft(const std::filesystem::path& path, const note::Note& draft);

// Makes room at `path` for another draft. If the file there differs from `unless`, moves it to
// PATH.old when `anew` is set, and fails otherwise. `what`: the command that the error names for
// starting anew.
Status make_room(const std::filesystem::path& path, const std::string& unless, bool anew,
                 const std::string& what);

// A difference between two texts: a "-" or "+" line.
struct TextChange {
  char sign = '+';       // '-': only in the first text; '+': only in the second
  std::size_t line = 0;  // number of the line in its text, from 1
  std::string text;
  friend bool operator==(const TextChange&, const TextChange&) = default;
};
std::vector<TextChange> text_changes(std::string_view before, std::string_view after);

std::vector<std::string> lines_of(std::string_view text);

}  // namespace culvert::cli

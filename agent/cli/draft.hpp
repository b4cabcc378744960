// A statement on its way to its signatures: a file that goes from person to person.
//
//   <text of the statement>
//                                   an empty line, once the first person has signed
//   — <person> <signature>          one line for each person who has signed
//
// Without signatures the file is the text alone, for an editor. With enough signatures it is the
// note itself, and every program that reads notes takes it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"

namespace culvert::cli {

// The text and its signature lines, of which there may be none. The text is not checked.
Result<note::Note> read_draft(const std::filesystem::path& path);
Status write_draft(const std::filesystem::path& path, const note::Note& draft);

// Before another draft is written to `path`: a file there that differs from `unless` is moved to
// PATH.old with `anew`, and refused without. `what`: the command that starts anew.
Status make_room(const std::filesystem::path& path, const std::string& unless, bool anew,
                 const std::string& what);

// What differs between two texts: "-" and "+" lines, in the order of the texts.
struct TextChange {
  char sign = '+';       // '-': only in the first text; '+': only in the second
  std::size_t line = 0;  // its number in that text, from 1
  std::string text;
  friend bool operator==(const TextChange&, const TextChange&) = default;
};
std::vector<TextChange> text_changes(std::string_view before, std::string_view after);

std::vector<std::string> lines_of(std::string_view text);

}  // namespace culvert::cli

// How a statement is shown to whoever signs it, and what nobody has signed beside it.
#pragma once

#include <string>
#include <string_view>

#include "proto/note/note.hpp"

namespace culvert::cli {

// The text that is signed, wrapped for this terminal.
void show_statement(std::string_view statement_text);
// What the coordinator alone says of it, marked as the coordinator's word. `verified` may be empty.
void show_says(const std::string& state, const std::string& verified);
// The hash of a statement's text, as people compare it and name a request by it. Whoever signs by
// the hash signs the text that was listed, whatever the coordinator hands out under its name
// meanwhile.
std::string text_hash(const note::Note& note);

}  // namespace culvert::cli

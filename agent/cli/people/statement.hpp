// How commands show a statement to the person who signs it, and beside it the coordinator's
// unsigned words.
#pragma once

#include <string>
#include <string_view>

#include "proto/note/note.hpp"

namespace culvert::cli {

// Prints the text to sign, wrapped for this terminal.
void show_statement(std::string_view statement_text);
// Prints what only the coordinator says about the statement, marked as the coordinator's words.
// `verified` may be empty.
void show_says(const std::string& state, const std::string& verified);
// The hash of a statement's text, which people compare and by which they name a request. A person
// who signs by the hash signs the text that was listed, even if the coordinator gives out another
// text under the request's name meanwhile.
std::string text_hash(const note::Note& note);

}  // namespace culvert::cli

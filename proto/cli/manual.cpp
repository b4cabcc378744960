#include "proto/cli/manual.hpp"

#include <array>
#include <cctype>
#include <cstdio>

namespace culvert::cli {
namespace {

// The character that begins at `at`, in groff's notation: \[u2026]. The programs' own texts are
// valid UTF-8.
std::string unicode(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const unsigned more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  unsigned code = first & (0x3FU >> more);
  for (unsigned i = 0; i < more && at + 1 < text.size(); ++i) {
    code = code << 6U | (static_cast<unsigned char>(text[++at]) & 0x3FU);
  }
  std::array<char, 16> out{};
  std::snprintf(out.data(), out.size(), "\\[u%04X]", code);
  return out.data();
}

// Text without roff commands and escapes. A hyphen stays the character that a user types.
std::string plain(std::string_view text) {
  std::string out;
  if (!text.empty() && (text.front() == '.' || text.front() == '\'')) out += "\\&";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      out += "\\e";
    } else if (text[i] == '-') {
      out += "\\-";
    } else if (static_cast<unsigned char>(text[i]) >= 0x80) {
      out += unicode(text, i);
    } else {
      out += text[i];
    }
  }
  return out;
}
std::string bold(std::string_view text) { return "\\fB" + plain(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + plain(text) + "\\fR"; }

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

void add_argument(std::string& out, const Argument& argument, bool positional) {
  out += ".TP\n";
  for (std::size_t i = 0; i < argument.names.size(); ++i) {
    if (i > 0) out += ", ";
    out += positional ? italic(argument.names[i]) : bold(argument.names[i]);
  }
  if (!positional && !argument.value.empty()) out += " " + italic(argument.value);
  out += "\n" + plain(argument.help);
  if (!argument.preset.empty()) out += plain(" (default: " + argument.preset + ")");
  if (argument.required && !positional) out += " (required)";
  out += "\n";
}

bool is_help(const Argument& option) { return option.names.back() == "--help"; }

void add_command(std::string& out, const std::string& path, const Command& command) {
  if (command.commands.empty()) {
    out += ".SS " + plain(synopsis(path, command)) + "\n" + plain(command.help) + "\n";
    for (const auto& each : command.positionals) add_argument(out, each, true);
    for (const auto& each : command.options) {
      if (!is_help(each)) add_argument(out, each, false);
    }
  }
  for (const auto& each : command.commands) add_command(out, path + " " + each.name, each);
}

void add_entries(std::string& out, const char* title, const Entries& entries) {
  if (entries.empty()) return;
  out += std::string(".SH ") + title + "\n";
  for (const auto& [term, meaning] : entries) {
    out += ".TP\n" + bold(term) + "\n" + plain(meaning) + "\n";
  }
}

void add_examples(std::string& out, const Entries& examples) {
  if (examples.empty()) return;
  out += ".SH EXAMPLES\n";
  for (const auto& [wish, line] : examples) {
    out += ".PP\n" + plain(wish) + "\n.PP\n.RS 4\n.nf\n" + plain(line) + "\n.fi\n.RE\n";
  }
}

}  // namespace

std::string synopsis(const std::string& path, const Command& command) {
  std::string out = path;
  for (const auto& option : command.options) {
    if (is_help(option)) continue;
    const auto word = option.names.back() + (option.value.empty() ? "" : " " + option.value);
    out += option.required ? " " + word : " [" + word + "]";
  }
  for (const auto& each : command.positionals) {
    out += each.required ? " " + each.names.front() : " [" + each.names.front() + "]";
  }
  return out;
}

std::string render_manual(const Command& program, const Manual& manual) {
  std::string out = ".TH " + upper(program.name) + " 1 \"\" \"" + plain(program.name) + " " +
                    manual.version + "\"\n.SH NAME\n" + plain(program.name) + " \\- " +
                    plain(manual.purpose) + "\n.SH SYNOPSIS\n" + bold(program.name) +
                    " [\\fIOPTIONS\\fR] \\fICOMMAND\\fR \\fI...\\fR\n.SH DESCRIPTION\n";
  for (const auto& paragraph : manual.description) out += ".PP\n" + plain(paragraph) + "\n";
  out += ".SH OPTIONS\n";
  for (const auto& option : program.options) add_argument(out, option, false);
  out += ".SH COMMANDS\n";
  for (const auto& command : program.commands) {
    add_command(out, program.name + " " + command.name, command);
  }
  add_examples(out, manual.examples);
  add_entries(out, "FILES", manual.files);
  add_entries(out, "ENVIRONMENT", manual.environment);
  add_entries(out, "EXIT STATUS", manual.exits);
  if (!manual.see_also.empty()) out += ".SH SEE ALSO\n" + plain(manual.see_also) + "\n";
  return out;
}

}  // namespace culvert::cli

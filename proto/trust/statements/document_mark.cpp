#include "proto/trust/statements/document_mark.hpp"

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {

std::optional<DocumentMark> parse_mark(std::string_view text) {
  const auto words = split_words(text, 2);
  if (words.empty()) return std::nullopt;
  const auto number = parse_number(words[0]);
  const auto hash = parse_hash(words[1]);
  if (!number || !hash) return std::nullopt;
  return DocumentMark{*number, *hash};
}

std::string format(const DocumentMark& mark) {
  return std::to_string(mark.number) + " " + format_hash(mark.hash.view());
}

}  // namespace culvert::trust

// Names one version of a document: a root's epoch or a policy's serial, and the hash of its text.
//
//   <n> sha256:…
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

struct DocumentMark {
  std::uint64_t number = 0;
  Hash hash;

  // Whether this mark names a version that a party with the mark `known` does not hold: a higher
  // number, or the same number with another hash.
  bool differs_from(const DocumentMark& known) const {
    return number > known.number || (number == known.number && hash != known.hash);
  }
  friend bool operator==(const DocumentMark&, const DocumentMark&) = default;
};

std::optional<DocumentMark> parse_mark(std::string_view text);
std::string format(const DocumentMark& mark);

}  // namespace culvert::trust

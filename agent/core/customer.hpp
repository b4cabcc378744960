// What the customer's own lease server has told this agent, and the question to it that is under
// way.
#pragma once

#include <cstddef>
#include <deque>

#include "proto/note/note.hpp"
#include "proto/trust/statements/document_mark.hpp"

namespace culvert::agent {

inline constexpr std::size_t kMaxTellings = 32;  // answers without a lease in a row, then a pause
inline constexpr std::size_t kMaxHeard = 256;    // notes that could not be verified; oldest go

struct Told {
  trust::DocumentMark mark;       // of the revocations that were told, see trust::RevocationLog
  bool asking = false;            // one question at a time is under way
  std::size_t tellings = 0;       // answers without a lease so far
  std::deque<note::Note> unsure;  // revocations that rest on something which is not known here
};

}  // namespace culvert::agent

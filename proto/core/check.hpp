// check(condition): guards what a header promises, in every build. A broken promise is a fault of
// the program, so the program ends at once, with one line that names the place. What a peer, a file
// or a user can cause is an error (Result), never a check().
#pragma once

#include <cstdio>
#include <cstdlib>

namespace culvert {

// `what` and `file` are string literals. Writes one line to standard error, then aborts.
[[noreturn]] inline void check_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "culvert: fault in the program at %s:%d: %s does not hold\n", file, line,
               what);
  std::abort();
}

inline void check_that(bool holds, const char* what, const char* file, int line) noexcept {
  if (!holds) [[unlikely]]
    check_failed(what, file, line);
}

}  // namespace culvert

// A macro only because the text and the place of the condition belong into the message.
#define CULVERT_CHECK(condition) \
  ::culvert::check_that(static_cast<bool>(condition), #condition, __FILE__, __LINE__)

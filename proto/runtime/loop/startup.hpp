// What each program does first, and how it ends when the system has nothing left for it.
#pragma once

#include <cstddef>
#include <functional>

#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

// The whole of main(): runs `body` and returns its exit code. No memory, no thread or any other
// exception, in whichever thread, becomes one line "PROGRAM: why" on standard error and exit code
// 1, never SIGABRT. `program` is a string literal.
int run_main(const char* program, const std::function<int()>& body);

// Raises the soft limit of open files to the hard limit. Returns how many may be open now.
std::size_t raise_descriptor_limit();
// Gives a child process the limit that this process was started with: its programs may use
// select(), or close every number up to the limit.
void restore_descriptor_limit(int child);

// libuv looks names up on threads that it makes at the first look-up, and aborts when there is no
// room for them. This makes them now; the error says what to raise.
Status make_lookup_threads(Loop& loop);

}  // namespace culvert::runtime

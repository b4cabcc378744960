// The start of each program, and its end when the system lacks memory, threads or descriptors.
#pragma once

#include <cstddef>
#include <functional>

#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

// The whole of main(): runs `body` and returns its exit code. An exception in any thread (no
// memory, no room for a thread, or another) becomes one line "PROGRAM: why" on standard error and
// exit code 1, never SIGABRT. `program` is a string literal.
int run_main(const char* program, const std::function<int()>& body);

// Raises the soft limit of open files to the hard limit. Returns the new limit.
std::size_t raise_descriptor_limit();
// Gives a child process the limit of open files that this process was started with: programs of the
// child may use select(), or close every descriptor up to the limit.
void restore_descriptor_limit(int child);

// Starts libuv's threads for name look-ups now. libuv would start them at the first look-up and
// abort when there is no room for them; here the error says which limit to raise.
Status make_lookup_threads(Loop& loop);

}  // namespace culvert::runtime

// Every allocation of this process, counted: malloc and its kin stand before libc's (glibc), and
// operator new ends there too.
#pragma once

#include <cstdint>

namespace culvert::test {
std::uint64_t allocations();
}

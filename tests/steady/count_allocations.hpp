// Counts every allocation of this process. malloc and its relatives are replaced before glibc's;
// operator new calls them.
#pragma once

#include <cstdint>

namespace culvert::test {
std::uint64_t allocations();
}

# One interface target that every target of ours links: the warnings, all of them errors.
add_library(culvert_warnings INTERFACE)
target_compile_options(culvert_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wnull-dereference -Wthread-safety>)

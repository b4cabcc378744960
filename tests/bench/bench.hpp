// What the in-process benchmarks share.
#pragma once

#include <chrono>
#include <functional>

namespace culvert::bench {

inline double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void bench_stack();  // stack.cpp

}  // namespace culvert::bench

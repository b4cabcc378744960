// The in-process benchmarks.
#pragma once

#include <chrono>
#include <functional>

namespace culvert::bench {

inline double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void lanes();  // throughput of two lanes on two threads compared with one lane
void peers();  // the cost of a packet and of a peer with 10,000 peers configured
void stack();  // the userspace TCP stack

}  // namespace culvert::bench

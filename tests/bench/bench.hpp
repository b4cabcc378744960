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

void lanes();  // how much more two lanes on two threads carry than one
void peers();  // what a packet and a peer cost where 10,000 peers are configured
void stack();  // the userspace TCP stack

}  // namespace culvert::bench

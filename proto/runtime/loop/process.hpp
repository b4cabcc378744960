// Starts a child process, by name and arguments, with no standard streams.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

// `done` is called once, from the loop, with the exit code (128 + the signal that ended the child),
// or with kNotFound when the child could not be started. The destructor kills a running child.
class Process {
 public:
  using Done = std::function<void(Result<int>)>;
  Process(Loop& loop, const std::vector<std::string>& words, Done done);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

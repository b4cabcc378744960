// A child process, by name and arguments, with nothing on its standard streams.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

// `done` comes once, from the loop, with the exit code (128 + signal where one ended it), or
// kNotFound when it could not be started. Destroying it kills what still runs.
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

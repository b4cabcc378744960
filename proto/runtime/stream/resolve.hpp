// Addresses of a name, asked of the system.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

inline constexpr std::size_t kMaxResolved = 16;  // further addresses of a name are not looked at

// A look-up under way (getaddrinfo on libuv's pool). Destroying it forgets the answer.
class Resolve {
 public:
  using Done = std::function<void(Result<std::vector<IpAddress>>)>;
  Resolve(Loop& loop, const std::string& host, Done done);
  ~Resolve();
  Resolve(const Resolve&) = delete;
  Resolve& operator=(const Resolve&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

// Looks up the addresses of a name with the system's resolver.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

inline constexpr std::size_t kMaxResolved = 16;  // further addresses of a name are ignored

// A look-up under way (getaddrinfo on libuv's thread pool). After destruction `done` is not called.
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

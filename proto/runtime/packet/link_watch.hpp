// Watches one network interface (rtnetlink(7)): up or down, and its MTU. The watch stays in the
// network namespace in which it was made.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

struct LinkState {
  bool up = false;  // administratively: ip link set … up
  std::size_t mtu = 0;
  bool left = false;  // moved to another network namespace, or deleted; no change follows
};

class LinkWatch {
 public:
  // Called with the present state soon after open(), and after every change.
  using Changed = std::function<void(const LinkState&)>;

  static Result<std::unique_ptr<LinkWatch>> open(Loop& loop, const std::string& name,
                                                 Changed changed);
  ~LinkWatch();  // safe inside `changed`
  LinkWatch(const LinkWatch&) = delete;
  LinkWatch& operator=(const LinkWatch&) = delete;

 private:
  struct Impl;
  explicit LinkWatch(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime

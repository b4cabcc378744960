// What the system says of one network interface (rtnetlink(7)): up or down, and its MTU. In the
// network namespace in which the watch was made.
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
  bool left = false;  // for another network namespace, or deleted; nothing is known from then on
};

class LinkWatch {
 public:
  // The present state, soon after the start, and every change of it.
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

// A visitor for std::visit, made of one lambda for each alternative of a variant. A new alternative
// without a lambda does not compile.
//
//   std::visit(overloaded{[](const Ping& ping) { … }, [](const Pong& pong) { … }}, message);
#pragma once

namespace culvert {

template <class... Functions>
struct overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
overloaded(Functions...) -> overloaded<Functions...>;

}  // namespace culvert

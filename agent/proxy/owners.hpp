// Checks whose programs may use this agent's proxy and forwards. The check runs on a separate
// thread, so that neither the kernel nor a long table ever blocks the loop.
//
// The way of a question: listener (loop) → Owners → thread → the kernel or its tables → Owners →
// listener (loop). Questions that come while the thread is busy are answered together, from one
// reading of the tables, if the tables are needed at all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "agent/proxy/owner.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::proxy {

// Called once, later, on the loop's thread; not called after the Owners object is destroyed.
using OwnerAnswer = std::function<void(bool served)>;

// Asks whether the process that connected from `client` to `listener` (both loopback) may use this
// agent.
using OwnerCheck =
    std::function<void(const Endpoint& client, const Endpoint& listener, OwnerAnswer answer)>;

class Owners {
 public:
  // Serves root and the user `owner`. `loop` outlives the result. kUnavailable: the system allows
  // no further thread.
  static Result<std::unique_ptr<Owners>> start(runtime::Loop& loop, std::uint32_t owner,
                                               OwnerSources sources = {});
  ~Owners();  // waits for the thread; drops outstanding answers
  Owners(const Owners&) = delete;
  Owners& operator=(const Owners&) = delete;

  // Each caller limits its own questions: it limits the connections that wait for an answer.
  void ask(const SocketQuestion& question, OwnerAnswer answer);
  OwnerCheck check();  // for connections; the Owners outlives the check

 private:
  struct Impl;
  explicit Owners(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::proxy

// Who may use this agent's proxy and forwards: the check of the owner, on a thread of its own, so
// that neither the kernel nor a long table ever holds up the loop.
//
// A question goes: listener (loop) → Owners → thread → the kernel or its tables → Owners → listener
// (loop). What has been asked while the thread was busy is answered together: from one reading of
// the tables, if they are needed at all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "agent/proxy/owner.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::proxy {

// Called once, later, on the loop's thread; dropped uncalled when the check is gone.
using OwnerAnswer = std::function<void(bool served)>;

// May the process behind a connection from `client` to `listener` (both loopback) use this agent?
using OwnerCheck =
    std::function<void(const Endpoint& client, const Endpoint& listener, OwnerAnswer answer)>;

class Owners {
 public:
  // Serves root and the user `owner`. `loop` outlives the result. kUnavailable: no further thread
  // can be made on this machine.
  static Result<std::unique_ptr<Owners>> start(runtime::Loop& loop, std::uint32_t owner,
                                               OwnerSources sources = {});
  ~Owners();  // waits for the thread; answers that are still due are dropped
  Owners(const Owners&) = delete;
  Owners& operator=(const Owners&) = delete;

  // The bound on questions is each asker's: it has so many connections that wait for an answer.
  void ask(const SocketQuestion& question, OwnerAnswer answer);
  OwnerCheck check();  // of connections; the Owners outlives it

 private:
  struct Impl;
  explicit Owners(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::proxy

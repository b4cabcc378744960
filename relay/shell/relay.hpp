// The program without its command line: listeners, TLS, the HTTP door, sessions, STUN. Lives on one
// loop; a test opens it on port 0.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proto/runtime/loop/loop.hpp"
#include "relay/core/core.hpp"
#include "relay/shell/identity.hpp"
#include "relay/shell/settings.hpp"

namespace culvert::relay {

class Relay {
 public:
  // `loop` and `rng` outlive it. Errors are one line: which address, file or key, and what to do.
  static Result<std::unique_ptr<Relay>> open(runtime::Loop& loop, Rng& rng, Settings settings,
                                             Identity identity);
  ~Relay();

  Endpoint listen_endpoint() const;
  std::optional<Endpoint> stun_endpoint() const;
  std::optional<Endpoint> metrics_endpoint() const;
  const Core& core() const;
  bool admits() const;  // some ticket could be valid, or the relay is open

  void set_ticket_keys(
      const std::vector<crypto::VerifyKey>& keys);  // live logins are checked again
  // Tells the clients, accepts no more, calls `done` when all have left or Settings::drain is over.
  void drain(std::function<void()> done);
  std::string metrics() const;

 private:
  struct Parts;
  explicit Relay(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace culvert::relay

// The relay program without its command line: listeners, TLS, the HTTP server, sessions, STUN. It
// uses one loop; tests open it on port 0.
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
  // `loop` and `rng` outlive the relay. An error is one line that names the address, file or key,
  // and what to do.
  static Result<std::unique_ptr<Relay>> open(runtime::Loop& loop, Rng& rng, Settings settings,
                                             Identity identity);
  ~Relay();

  Endpoint listen_endpoint() const;
  std::optional<Endpoint> stun_endpoint() const;
  std::optional<Endpoint> metrics_endpoint() const;
  const Core& core() const;
  bool admits() const;  // true: there are ticket keys, or the relay is open

  void set_ticket_keys(
      const std::vector<crypto::VerifyKey>& keys);  // checks the tickets of logged-in clients again
  // Sends Restarting to the clients and accepts no more. Calls `done` when all clients have left or
  // after Settings::drain.
  void drain(std::function<void()> done);
  std::string metrics() const;

 private:
  struct Parts;
  explicit Relay(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace culvert::relay

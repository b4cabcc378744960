// The STUN client of the Prober. A round sends Binding requests to a few servers and ends when all
// servers have answered or after kRoundTime. Rounds repeat while paths are in use.
#pragma once

#include <optional>
#include <vector>

#include "proto/core/rng.hpp"
#include "proto/path/prober_types.hpp"
#include "proto/path/stun.hpp"

namespace culvert::path {

class Reflexive {
 public:
  static constexpr Duration kRetry = 300ms;  // a server is asked at 0, 300 and 900 ms
  static constexpr unsigned kTries = 3;
  static constexpr Duration kRoundTime = 2s;
  static constexpr Duration kAgain = 5s;  // least time between rounds, when a path is lost

  explicit Reflexive(Rng& rng) : rng_(rng) {}

  void set_servers(std::vector<Endpoint> servers);  // forgets the old servers' answers
  void reset();                                     // the network changed: forgets all answers
  void doubt(Instant now);  // a path was lost: a NAT may have given us another mapping
  bool due(Instant now) const { return !running_ && !asked_.empty() && now >= due_; }
  void start(Instant now, std::vector<PathDatagram>& out);

  // True when the response answers a request of ours.
  bool handle_response(Instant now, const Endpoint& from, const StunResponse& response);
  Instant next_deadline() const;  // of the running round
  Instant next_round() const { return asked_.empty() ? Instant::never() : due_; }
  void handle_timeout(Instant now, std::vector<PathDatagram>& out);

  std::vector<Endpoint> endpoints() const;  // the mapped endpoints, without duplicates
  std::optional<bool> mapping_varies() const;

 private:
  struct Asked {
    explicit Asked(const Endpoint& at) : server(at) {}
    Endpoint server;
    StunTransaction transaction{};
    unsigned tries = 0;
    Instant next_try = Instant::never();
    std::optional<Endpoint> mapped{};  // the last answer
    bool waiting = false;
  };

  void finish();

  Rng& rng_;
  std::vector<Asked> asked_;
  bool running_ = false;
  Instant started_;
  Instant ends_;
  Instant due_;
};

}  // namespace culvert::path

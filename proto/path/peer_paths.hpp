// One peer's candidates, pings and best path. The Prober owns each PeerPaths and the PathContext.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "proto/core/rate_limit.hpp"
#include "proto/crypto/box.hpp"
#include "proto/path/disco.hpp"
#include "proto/path/path_context.hpp"
#include "proto/path/prober_types.hpp"

namespace culvert::path {

class PeerPaths {
 public:
  PeerPaths(PathContext& context, PeerInfo info, crypto::BoxKey box);

  const PeerInfo& info() const { return info_; }
  void set_home(std::optional<RelayIndex> home) { info_.home = std::move(home); }

  // True when the peer was idle before: outputs and deadlines have changed.
  bool use(Instant now);
  Route route(Instant now) const;
  void ping(Instant now, PingId id);
  PathStatus status(Instant now) const;
  Instant active_until() const { return std::max(used_until_, helping_until_); }
  bool active(Instant now) const { return now < active_until(); }
  bool trusted(Instant now) const { return best_ && now < trusted_until_; }

  // Several peers may claim one disco key. may_come(): the source fits (a relay names this peer).
  bool may_come(const Way& from) const;
  std::optional<DiscoMessage> open(ByteView bytes);  // nothing: forged or malformed, and counted
  bool is_from(Instant now, const Way& from, const DiscoMessage& message) const;
  void handle(Instant now, const Way& from, const DiscoMessage& message, ByteView nonce);
  bool handle_send_error(Instant now, const Endpoint& to);  // false: `to` is no candidate
  void restart(Instant now);                                // the link changed
  void call(Instant now);  // our endpoints changed, or the relay connected: sends a CallMeMaybe
  Instant next_deadline() const;
  void handle_timeout(Instant now);

 private:
  struct Candidate {
    Endpoint at;
    Instant alive;                    // when it was added, or its last pong came
    std::optional<Instant> pinged{};  // the last Ping
    bool called = false;              // was in the last CallMeMaybe
    Duration latency{};               // round trip of the last pong
    PathSize size{};
    Instant judge_at = Instant::never();  // when unanswered padded Pings are counted as lost
    Instant judged{};                     // only Pings sent until this time are counted as lost
  };
  struct Sent {
    DiscoTransaction transaction;
    std::optional<Endpoint> to;  // nothing: sent through the relay
    Instant at;
    PingId id = 0;         // of Prober::ping, or 0
    std::size_t size = 0;  // size to which the Ping is padded; 0: not padded
    bool lost = false;     // counted as lost; a late answer still counts
  };
  struct Asked {
    PingId id = 0;
    Instant until;
    bool answered = false;
  };
  struct Best {
    Endpoint at;
    Duration latency{};
    std::size_t size = 0;
  };

  void on(Instant now, const Way& from, const Ping& ping);
  void on(Instant now, const Way& from, const Pong& pong);
  void on(Instant now, const Way& from, const CallMeMaybe& call);
  void begin(Instant now);  // begins the search for a path anew
  void tick(Instant now);
  bool can_call() const;
  void send_call(Instant now);
  bool look_for_better(Instant now) const;
  void probe_all(Instant now);
  void send_ping(Instant now, const std::optional<Endpoint>& to, PingId id, std::size_t size = 0);
  void send(const std::optional<Endpoint>& to, const DiscoMessage& message);
  bool replayed(ByteView nonce);
  std::vector<Sent>::const_iterator question_of(Instant, const Way&, const Pong&) const;
  Candidate* add_candidate(Instant now, const Endpoint& at);
  void consider(Instant now, const Candidate& candidate);
  void report(Instant now);
  // peer_sizes.cpp
  void probe(Instant now, Candidate& candidate, bool padded);
  void heartbeat(Instant now);
  void answered(Instant now, Candidate& candidate, const Sent& sent);
  void judge(Instant now, Candidate& candidate);
  void search(Instant now, Candidate& candidate);

  PathContext& context_;
  PeerInfo info_;
  crypto::BoxKey box_;
  std::vector<Candidate> candidates_;
  std::vector<Sent> sent_;
  std::vector<Asked> asked_;
  std::optional<Best> best_;
  Instant trusted_until_;
  Instant used_until_;     // the owner's traffic keeps the pair in use until then
  Instant helping_until_;  // a CallMeMaybe of the peer keeps the pair in use until then
  Instant tick_at_ = Instant::never();
  unsigned step_ = 0;  // step of the probing schedule; 0 after each change
  std::optional<Instant> probed_, called_;
  bool call_wanted_ = false;
  RateLimit calls_out_{kMinCallInterval, 3};
  RateLimit calls_in_{kMinCallInterval, 6};  // burst above calls_out_: the network may bunch calls
  RateLimit pings_back_{kRepingAfter, 8};    // our Pings to the source of a peer's Ping
  RateLimit relayed_pongs_{50ms, 32};        // all peers share the relay's queue
  PathStatus reported_;
  std::array<std::uint64_t, kReplayMemory> nonces_{};
  std::size_t next_nonce_ = 0;
};

}  // namespace culvert::path

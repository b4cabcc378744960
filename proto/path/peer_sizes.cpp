// What size of datagram the paths to a peer carry: sends padded Pings and judges their answers and
// their loss.
#include "proto/path/peer_paths.hpp"

namespace culvert::path {

// Sends the full-size Ping before the small one: where the full-size Ping passes, its answer makes
// the path at full size at once. A candidate that has shown that it carries too little gets no
// full-size Ping.
void PeerPaths::probe(Instant now, Candidate& candidate, bool padded) {
  candidate.pinged = now;
  if (padded && (candidate.size.proven() != 0 || candidate.size.may_search(now))) {
    send_ping(now, candidate.at, 0, kFullSize);
  }
  send_ping(now, candidate.at, 0);
}

// Checks that the path in use still carries its proven size, or searches for a larger one. Sends a
// small Ping beside the padded one, since a path that has become smaller is not dead.
void PeerPaths::heartbeat(Instant now) {
  auto& candidate = *add_candidate(now, best_->at);
  if (candidate.size.may_search(now)) return search(now, candidate);
  send_ping(now, best_->at, 0, best_->size);
  send_ping(now, best_->at, 0);
}

// Sends a Ping of each size from the proven size up (of all sizes when the proven size is in
// doubt), and one Ping without padding, which passes in any case.
void PeerPaths::search(Instant now, Candidate& candidate) {
  candidate.size.searching(now);
  for (const auto size : kPathSizes) {
    if (size >= candidate.size.floor()) send_ping(now, candidate.at, 0, size);
  }
  send_ping(now, candidate.at, 0);
}

// Pongs to padded Pings that were sent no later than `sent` may still come, within about one more
// round trip. While a larger size may be among them, the path is not taken into use: its size would
// be reported too small, and connections would shrink their packets without need.
void PeerPaths::answered(Instant now, Candidate& candidate, const Sent& sent) {
  candidate.alive = now;
  candidate.latency = now - sent.at;
  candidate.size.answered(sent.size);
  bool waiting = false;
  bool larger = false;
  for (const auto& s : sent_) {
    if (s.to != candidate.at || s.size == 0 || s.lost || s.at > sent.at) continue;
    waiting = true;
    larger = larger || s.size > candidate.size.proven();
  }
  if (!larger || (trusted(now) && best_->at == candidate.at)) consider(now, candidate);
  if (candidate.judge_at != Instant::never() || (!waiting && candidate.size.proven() != 0)) return;
  candidate.judge_at = now + candidate.latency + kSizePatience;
  candidate.judged = sent.at;
}

void PeerPaths::judge(Instant now, Candidate& candidate) {
  candidate.judge_at = Instant::never();
  bool doubt = candidate.size.proven() == 0;
  for (auto& sent : sent_) {
    if (sent.to != candidate.at || sent.size == 0 || sent.lost || sent.at > candidate.judged)
      continue;
    sent.lost = true;  // a late answer still counts
    doubt = candidate.size.lost(sent.size) || doubt;
  }
  if (doubt && candidate.size.may_search(now)) search(now, candidate);
  if (!trusted(now) || best_->at != candidate.at) return consider(now, candidate);
  best_->size = candidate.size.proven();
  if (best_->size != 0) return;
  best_.reset();
  begin(now);
}

}  // namespace culvert::path

// What the paths to a peer carry: padded Pings, and what their answers and their loss mean.
#include "proto/path/peer_paths.hpp"

namespace culvert::path {

// The large one first: where it passes, its answer makes the path, and at full size at once. Not to
// candidates that have shown that they carry too little.
void PeerPaths::probe(Instant now, Candidate& candidate, bool padded) {
  candidate.pinged = now;
  if (padded && (candidate.size.proven() != 0 || candidate.size.may_search(now))) {
    send_ping(now, candidate.at, 0, kFullSize);
  }
  send_ping(now, candidate.at, 0);
}

// Of the path in use: does it still carry what it did, or more? A small Ping stands beside the
// large one, since a path that has become smaller is not dead.
void PeerPaths::heartbeat(Instant now) {
  auto& candidate = *add_candidate(now, best_->at);
  if (candidate.size.may_search(now)) return search(now, candidate);
  send_ping(now, best_->at, 0, best_->size);
  send_ping(now, best_->at, 0);
}

// A Ping of each size from the proven one up, in doubt of all, and one that passes anyway.
void PeerPaths::search(Instant now, Candidate& candidate) {
  candidate.size.searching(now);
  for (const auto size : kPathSizes) {
    if (size >= candidate.size.floor()) send_ping(now, candidate.at, 0, size);
  }
  send_ping(now, candidate.at, 0);
}

// Others that were sent no later may still come, after about as much time again. While that may be
// larger ones a path is not taken up: connections would be told of a hole that is not there.
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
    sent.lost = true;  // late, it still counts as an answer
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

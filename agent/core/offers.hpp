// What this node hands back to a coordinator that has lost it: when, and what. Sans-I/O: the owner
// sends what offer() gives and passes on the answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/core/kept.hpp"
#include "proto/control/events.hpp"
#include "proto/core/rng.hpp"

namespace culvert::agent {

inline constexpr Duration kOfferSpread = 10s;  // all nodes come back at once: each draws a time
inline constexpr Duration kOfferSoon = 3s;     // while leases wait for it
inline constexpr std::size_t kOfferBytes = std::size_t{512} << 10U;  // of notes in one offer

class Offers {
 public:
  KeptRevocations kept;
  bool unsaved = false;  // `kept` is not what is stored

  void learned(Now now, const note::Note& revocation, const trust::Evidence& evidence) {
    unsaved |= kept.add(evidence.known_lines(revocation), evidence, now);
  }
  // The coordinator has other revocations than this node keeps, or its store is an old copy.
  void welcomed(Now now, const control::Connected& connected, Rng& rng);
  Instant next() const { return at_; }
  void later(Now now) { at_ = now.steady + kOfferSpread; }  // it could not be sent
  // Due now: notes that are wanted, else the ids of what differs.
  control::Offer offer();
  // `wanted`: the hashes of what the coordinator lacks. → how many are handed in next.
  std::size_t answered(Now now, const std::vector<std::string>& wanted);

 private:
  std::vector<control::RevocationSet> theirs_;  // as the last welcome said
  std::vector<std::string> notes_;              // to be handed in
  bool more_ = false;                           // what the coordinator lacks is more than `notes_`
  Instant at_ = Instant::never();
};

}  // namespace culvert::agent

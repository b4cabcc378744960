// Gives revocations back to a coordinator that has lost them: decides when to offer, and what.
// Pure: the owner sends the result of offer() and passes the answer to answered().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/access/kept.hpp"
#include "proto/control/events.hpp"
#include "proto/core/rng.hpp"

namespace culvert::agent {

inline constexpr Duration kOfferSpread = 10s;  // a node draws its time from [0, 10 s)
inline constexpr Duration kOfferSoon = 3s;     // it draws from [0, 3 s) when leases wait for it
inline constexpr std::size_t kOfferBytes = std::size_t{512} << 10U;  // bytes of notes in one offer

class Offers {
 public:
  KeptRevocations kept;
  bool unsaved = false;  // `kept` differs from the stored revocations

  void learned(Now now, const note::Note& revocation, const trust::Evidence& evidence) {
    unsaved |= kept.add(evidence.known_lines(revocation), evidence, now);
  }
  // The coordinator has other revocations than this node keeps, or its store is an old copy.
  void welcomed(Now now, const control::Connected& connected, Rng& rng);
  Instant next() const { return at_; }
  void later(Now now) { at_ = now.steady + kOfferSpread; }  // the offer could not be sent
  // The offer to send at next(): the wanted notes, or else the ids of revocations that differ.
  control::Offer offer();
  // `wanted`: the hashes of the notes that the coordinator lacks. Returns how many notes the next
  // offer will have.
  std::size_t answered(Now now, const std::vector<std::string>& wanted);

 private:
  std::vector<control::RevocationSet> theirs_;  // the coordinator's sets, from its last welcome
  std::vector<std::string> notes_;              // notes of the next offer
  bool more_ = false;                           // the coordinator lacks more notes than `notes_`
  Instant at_ = Instant::never();
};

}  // namespace culvert::agent

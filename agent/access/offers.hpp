// Gives revocations back to a coordinator that has lost them: decides when to offer, and what.
//
// In order: the coordinator's welcome says which revocations it has → welcomed() → at next() the
// link sends offer(), the ids of revocations that differ → the coordinator answers which of them it
// lacks → answered() → at next() the link sends offer(), now the notes themselves.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/access/kept.hpp"
#include "proto/control/events.hpp"
#include "proto/core/rng.hpp"

namespace culvert::agent {

inline constexpr Duration kOfferSpread = 10s;  // a node draws its time from [0, 10 s)
inline constexpr Duration kOfferSoon = 3s;     // from [0, 3 s) when leases wait for the offer
inline constexpr std::size_t kOfferBytes = std::size_t{512} << 10U;  // bytes of notes in one offer

class Offers {
 public:
  const KeptRevocations& kept() const { return kept_; }
  bool unsaved() const { return unsaved_; }  // kept() differs from the stored revocations
  void saved() { unsaved_ = false; }

  void recall(Now now, const std::vector<note::Note>& stored, const trust::Evidence& evidence) {
    for (const note::Note& note : stored) static_cast<void>(kept_.add(now, note, evidence));
  }
  void learned(Now now, const note::Note& revocation, const trust::Evidence& evidence) {
    unsaved_ |= kept_.add(now, evidence.known_lines(revocation), evidence);
  }
  void forget(trust::StoreAge age) { unsaved_ |= kept_.forget(age); }
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
  KeptRevocations kept_;
  bool unsaved_ = false;
  std::vector<control::RevocationSet> theirs_;  // the coordinator's sets, from its last welcome
  std::vector<std::string> notes_;              // notes of the next offer
  bool more_ = false;                           // the coordinator lacks more notes than `notes_`
  Instant at_ = Instant::never();
};

}  // namespace culvert::agent

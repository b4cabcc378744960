// When each row of the store may go. Revocations go at an age of the store, so that a wall clock
// that is ahead drops none early, and never while a statement that they end is in the store. All
// else goes by the wall clock.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "proto/note/note.hpp"
#include "proto/trust/grants/limits.hpp"
#include "proto/trust/register/store_clock.hpp"
#include "proto/trust/statements/revocation.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::coordinator {

inline constexpr std::chrono::seconds kKeepEnded{30 * 24 * 3600};  // past the end of a statement
// A grant's revocation is kept for as long as anybody holds the grant (trust::kTombstoneKeep).
inline constexpr std::chrono::seconds kKeepRevocation{2 * 24 * 3600};
inline constexpr std::chrono::seconds kLookAgain{24 * 3600};  // for what a due revocation ends

// When a statement counts for nothing any longer; trust::kNeverOver: never.
WallTime end_of(trust::Kind kind, std::string_view text);

class Retention {
 public:
  void keep(const note::Note& note, trust::Kind kind, Now now, const trust::StoreClock& clock);
  void forget(const crypto::Hash& id);  // the row has left the store
  // The rows that may go now. A revocation that is not forgotten then is named again a day later.
  std::vector<crypto::Hash> due(Now now, const trust::StoreClock& clock);

 private:
  // A grant, an identity or an enrolment, whichever site says so.
  using Subject = std::pair<trust::Revokes, std::array<std::uint8_t, 32>>;
  struct Row {
    std::optional<Subject> ends;
    std::vector<Subject> is;
    std::optional<trust::StoreAge> at_age;
    std::optional<WallTime> at_time;
  };
  static std::vector<Subject> subjects_of(const note::Note& note, trust::Kind kind);

  std::map<crypto::Hash, Row> rows_;
  std::map<Subject, std::size_t> stored_;
  std::set<std::pair<trust::StoreAge, crypto::Hash>> by_age_;
  std::set<std::pair<WallTime, crypto::Hash>> by_time_;
};

}  // namespace culvert::coordinator

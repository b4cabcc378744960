// Retention: when each row of the store may be erased. A revocation's time is measured by the
// store's clock, so that a wall clock that is ahead erases no revocation early. A revocation also
// stays while the statement that it ends is in the store. The time of all other rows is measured by
// the wall clock.
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

inline constexpr std::chrono::seconds kKeepEnded{30 * 24 * 3600};  // after a statement's end
// A grant's revocation is kept for as long as anybody holds the grant (trust::kTombstoneKeep).
inline constexpr std::chrono::seconds kKeepRevocation{2 * 24 * 3600};
// For statements that a due revocation ends.
inline constexpr std::chrono::seconds kLookAgain{24 * 3600};

// From when a statement has no effect any longer; trust::kNeverOver: never.
WallTime end_of(trust::Kind kind, std::string_view text);

class Retention {
 public:
  void keep(Now now, const note::Note& note, trust::Kind kind, const trust::StoreClock& clock);
  void forget(const crypto::Hash& id);  // the row has left the store
  // The rows that may be erased now. A revocation that the caller does not erase comes up again a
  // day later.
  std::vector<crypto::Hash> due(Now now, const trust::StoreClock& clock);

 private:
  // A grant, an identity or an enrolment that a revocation ends, at whichever site.
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

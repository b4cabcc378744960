// When each item of a table is due: at most one entry for each item, in order of time and then of
// the items' keys, so that two runs with one seed handle items in the same order. Each change costs
// O(log n).
#pragma once

#include <map>
#include <utility>

#include "proto/core/time.hpp"

namespace culvert {

template <class Key, class Value>
class Deadlines {
 public:
  // Moves the entry of the item `key` to `due`; never(): the item gets no entry. `queued` belongs
  // to the item and holds the time of the item's entry, at first never().
  void set(const Key& key, const Value& value, Instant& queued, Instant due) {
    if (due == queued) return;
    auto entry = due_.extract({std::exchange(queued, due), key});
    if (due == Instant::never()) return;
    if (entry.empty()) {
      due_.emplace(std::pair(due, key), value);
    } else {
      entry.key().first = due;
      due_.insert(std::move(entry));
    }
  }
  void forget(const Key& key, Instant& queued) { set(key, {}, queued, Instant::never()); }

  Instant next() const { return due_.empty() ? Instant::never() : due_.begin()->first.first; }
  // The item that is due first, if it is due at `now`; else a value-initialised Value.
  Value first_due(Instant now) const {
    return next() <= now && !due_.empty() ? due_.begin()->second : Value{};
  }
  std::size_t size() const { return due_.size(); }

 private:
  std::map<std::pair<Instant, Key>, Value> due_;
};

}  // namespace culvert

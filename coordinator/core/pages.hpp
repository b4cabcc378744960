// One page of a list: entries in a fixed order, with the notes that verify them, as many as fit
// into one answer. The next page begins with the entry that did not fit. An entry that would not
// fit into an answer of its own is left out and named.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>

#include "proto/control/message.hpp"
#include "proto/note/note.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kMaxReplyBytes = 768U << 10U;  // of notes in one answer

// The place of an entry in a list: a letter for the part of the list, then the entry's name.
inline std::string at(char part, std::string_view entry) {
  return std::string(1, part) + std::string(entry);
}

class Pages {
 public:
  // `after`: List::page. The page leaves out entries up to that place.
  explicit Pages(std::string after) : after_(std::move(after)) {}

  // Adds notes for the whole page, as many as fit.
  void add_notes(std::span<const note::Note> notes);
  bool passed(const std::string& place) const { return place <= after_; }
  // Adds an entry. The caller adds entries in ascending order of place. False: the page is full and
  // ends before this entry.
  bool entry(const std::string& place, std::span<const note::Note> notes, const note::Note& note,
             std::string state);
  control::Reply take() { return std::move(reply_); }

 private:
  bool fits(std::size_t notes, std::size_t bytes) const;

  std::string after_;
  std::string last_;  // the place of the last entry added or left out
  bool begun_ = false;
  control::Reply reply_;
  std::set<crypto::Hash> seen_;
  std::size_t bytes_ = 0;
};

}  // namespace culvert::coordinator

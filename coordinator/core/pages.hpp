// One page of a list: entries in a fixed order with the notes that it takes to verify them, as much
// as fits into one answer. What does not fit into an answer alone is left out and named; everything
// else goes on in the next page.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>

#include "proto/control/message.hpp"
#include "proto/note/note.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kMaxReplyBytes = 768U << 10U;  // of notes in one answer

// A place in a list: a letter for the part of the list, then what names the entry.
inline std::string at(char part, std::string_view entry) {
  return std::string(1, part) + std::string(entry);
}

class Pages {
 public:
  // `after`: List::page; entries at or before that place are passed over.
  explicit Pages(std::string after) : after_(std::move(after)) {}

  // Notes for the whole page, while they fit.
  void add_notes(std::span<const note::Note> notes);
  bool passed(const std::string& place) const { return place <= after_; }
  // Places must come in ascending order. False: the page is full, and ends before this entry.
  bool entry(const std::string& place, std::span<const note::Note> notes, const note::Note& note,
             std::string state);
  control::Reply take() { return std::move(reply_); }

 private:
  bool fits(std::size_t notes, std::size_t bytes) const;

  std::string after_;
  std::string last_;  // the place of the last entry that was dealt with
  bool begun_ = false;
  control::Reply reply_;
  std::set<crypto::Hash> seen_;
  std::size_t bytes_ = 0;
};

}  // namespace culvert::coordinator

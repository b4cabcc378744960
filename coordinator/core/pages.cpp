#include "coordinator/core/pages.hpp"

#include <utility>

namespace culvert::coordinator {

bool Pages::fits(std::size_t notes, std::size_t bytes) const {
  return bytes_ + bytes <= kMaxReplyBytes && reply_.notes.size() + notes <= control::kMaxNotes &&
         reply_.entries.size() < control::kMaxNotes;
}

void Pages::add_notes(std::span<const note::Note> notes) {
  for (const auto& note : notes) {
    auto text = note::render(note);
    if (!fits(1, text.size()) || !seen_.insert(note::hash(note)).second) continue;
    bytes_ += text.size();
    reply_.notes.push_back(std::move(text));
  }
}

bool Pages::entry(const std::string& place, std::span<const note::Note> notes,
                  const note::Note& note, std::string state) {
  if (passed(place)) return true;
  std::vector<std::pair<crypto::Hash, std::string>> fresh;
  auto text = note::render(note);
  auto bytes = text.size();
  for (const auto& support : notes) {
    const auto id = note::hash(support);
    if (seen_.contains(id)) continue;
    fresh.emplace_back(id, note::render(support));
    bytes += fresh.back().second.size();
  }
  if (!fits(fresh.size(), bytes)) {
    if (begun_) {  // the next page may have room
      reply_.page = last_;
      return false;
    }
    if (reply_.lines.size() < control::kMaxAuditEntries) {
      reply_.lines.push_back("left out, its documents do not fit into an answer: " +
                             place.substr(1));
    }
    last_ = place;
    return true;
  }
  for (auto& [id, support] : fresh) {
    seen_.insert(id);
    reply_.notes.push_back(std::move(support));
  }
  bytes_ += bytes;
  reply_.entries.push_back({std::move(text), std::move(state)});
  last_ = place;
  begun_ = true;
  return true;
}

}  // namespace culvert::coordinator

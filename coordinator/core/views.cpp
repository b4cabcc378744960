#include "coordinator/core/views.hpp"

#include <algorithm>
#include <utility>

namespace culvert::coordinator {
namespace {

struct Step {
  std::uint64_t seq = 0;
  std::uint64_t after = 0;  // the step that the node has; 0: none, this step is everything
  std::vector<const Ledger::Held*> put;
  std::vector<control::NoteId> drop;
};

// Cuts one step into deltas that fit into messages. All but the last have `more` set.
std::vector<control::Delta> cut(Step step) {
  std::stable_sort(step.put.begin(), step.put.end(),
                   [](const auto* a, const auto* b) { return a->rank < b->rank; });
  std::vector<control::Delta> out(1);
  std::size_t bytes = 0;
  for (const auto* held : step.put) {
    if (bytes + held->note.size() > kMaxDeltaBytes || out.back().put.size() >= control::kMaxNotes) {
      out.emplace_back();
      bytes = 0;
    }
    bytes += held->note.size();
    out.back().put.push_back(held->note);
  }
  out.front().drop = std::move(step.drop);
  for (auto& delta : out) {
    delta.seq = step.seq;
    delta.after = step.after;
    delta.full = step.after == 0;
    delta.more = true;
  }
  out.back().more = false;
  return out;
}

}  // namespace

Views::Told& Views::told(const trust::IdentityKey& node) {
  if (told_.size() >= kMaxViews && !told_.contains(node)) told_.erase(told_.begin());
  auto& known = told_[node];
  if (known.seq == 0) known.seq = known.floor = ++last_seq_;
  return known;
}

std::uint64_t Views::seq(const trust::IdentityKey& node) const {
  const auto found = told_.find(node);
  return found == told_.end() ? 0 : found->second.seq;
}

// Works out the node's next step. If nothing has changed, the step's number stays.
void Views::advance(Told& known, const View& view, const Ledger& ledger) {
  const auto next = last_seq_ + 1;
  bool changed = false;
  std::map<control::NoteId, Told::Note> now;
  for (const auto& id : view) {
    const auto* held = ledger.find(id);
    if (held == nullptr) continue;
    const auto before = known.notes.find(id);
    const bool same = before != known.notes.end() && before->second.whole == held->whole;
    now[id] = {held->whole, same ? before->second.seq : next};
    changed = changed || !same;
  }
  for (const auto& [id, note] : known.notes) {
    if (now.contains(id)) continue;
    known.dropped.emplace_back(next, id);
    changed = true;
  }
  while (known.dropped.size() > kMaxDropped) {
    known.floor = known.dropped.front().first;
    known.dropped.pop_front();
  }
  if (!changed) return;
  known.notes = std::move(now);
  known.seq = last_seq_ = next;
}

std::vector<control::Delta> Views::resume(const trust::IdentityKey& node, bool same_run,
                                          std::uint64_t since, const View& view,
                                          const Ledger& ledger) {
  auto& known = told(node);
  advance(known, view, ledger);
  const bool resumes = same_run && since >= known.floor && since <= known.seq;
  Step step{known.seq, resumes ? since : 0, {}, {}};
  for (const auto& [id, note] : known.notes) {
    if (note.seq > step.after) step.put.push_back(ledger.find(id));
  }
  for (const auto& [seq, id] : known.dropped) {
    // A note that was dropped and has come back is not dropped again.
    if (resumes && seq > since && !known.notes.contains(id)) step.drop.push_back(id);
  }
  return cut(std::move(step));
}

std::vector<control::Delta> Views::update(const trust::IdentityKey& node, const View& view,
                                          const Ledger& ledger) {
  const auto before = seq(node);
  auto& known = told(node);
  advance(known, view, ledger);
  if (known.seq == before) return {};
  return resume(node, before != 0, before, view, ledger);
}

}  // namespace culvert::coordinator

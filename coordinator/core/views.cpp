#include "coordinator/core/views.hpp"

#include <algorithm>
#include <utility>

namespace culvert::coordinator {
namespace {

// Cuts one step into deltas that fit a message; only the last has `more` unset.
std::vector<control::Delta> cut(const std::vector<const Ledger::Held*>& put,
                                std::vector<control::NoteId> drop, std::uint64_t seq, bool full) {
  std::vector<control::Delta> out(1);
  std::size_t bytes = 0;
  for (const auto* held : put) {
    if (bytes + held->note.size() > kMaxDeltaBytes || out.back().put.size() >= control::kMaxNotes) {
      out.emplace_back();
      bytes = 0;
    }
    bytes += held->note.size();
    out.back().put.push_back(held->note);
  }
  out.front().drop = std::move(drop);
  for (auto& delta : out) {
    delta.seq = seq;
    delta.full = full;
    delta.more = true;
  }
  out.back().more = false;
  return out;
}

}  // namespace

Views::Told& Views::told(const trust::IdentityKey& node) {
  if (told_.size() >= kMaxViews && !told_.contains(node)) told_.erase(told_.begin());
  return told_[node];
}

std::uint64_t Views::seq(const trust::IdentityKey& node) const {
  const auto found = told_.find(node);
  return found == told_.end() ? 0 : found->second.seq;
}

std::vector<control::Delta> Views::resume(const trust::IdentityKey& node, bool same_run,
                                          std::uint64_t since, const View& view,
                                          const Ledger& ledger) {
  auto& known = told(node);
  const bool resumes = same_run && since != 0 && since == known.seq;
  if (!resumes) known = Told{{}, ++last_seq_};
  auto deltas = update(node, view, ledger);
  if (deltas.empty()) deltas = cut({}, {}, known.seq, false);
  for (auto& delta : deltas) delta.full = !resumes;
  return deltas;
}

std::vector<control::Delta> Views::update(const trust::IdentityKey& node, const View& view,
                                          const Ledger& ledger) {
  auto& known = told(node);
  std::vector<const Ledger::Held*> put;
  std::map<crypto::Hash, crypto::Hash> now;
  for (const auto& id : view) {
    const auto* held = ledger.find(id);
    if (held == nullptr) continue;
    now[id] = held->whole;
    const auto before = known.notes.find(id);
    if (before == known.notes.end() || before->second != held->whole) put.push_back(held);
  }
  std::vector<control::NoteId> drop;
  for (const auto& [id, whole] : known.notes) {
    if (!now.contains(id)) drop.push_back(id);
  }
  if (put.empty() && drop.empty()) return {};
  std::stable_sort(put.begin(), put.end(),
                   [](const auto* a, const auto* b) { return a->rank < b->rank; });
  known.notes = std::move(now);
  known.seq = ++last_seq_;
  return cut(put, std::move(drop), known.seq, false);
}

}  // namespace culvert::coordinator

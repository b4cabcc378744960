// What each node has been told, and the deltas that bring it up to date.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/core/audience.hpp"
#include "proto/control/message.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kMaxViews = 8192;  // beyond, one is forgotten: its node starts in full
inline constexpr std::size_t kMaxDeltaBytes = 512U << 10U;  // of notes in one delta

class Views {
 public:
  // After a hello. Where the node holds exactly our last number the difference, else everything.
  std::vector<control::Delta> resume(const trust::IdentityKey& node, bool same_run,
                                     std::uint64_t since, const View& view, const Ledger& ledger);
  // For a connected node; empty when nothing changed.
  std::vector<control::Delta> update(const trust::IdentityKey& node, const View& view,
                                     const Ledger& ledger);
  std::uint64_t seq(const trust::IdentityKey& node) const;

 private:
  struct Told {
    std::map<crypto::Hash, crypto::Hash> notes;  // id → hash with signature lines
    std::uint64_t seq = 0;
  };
  Told& told(const trust::IdentityKey& node);

  std::map<trust::IdentityKey, Told> told_;
  std::uint64_t last_seq_ = 0;
};

}  // namespace culvert::coordinator

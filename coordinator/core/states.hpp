// What each site agent has said last about its knowledge (site_state.hpp), for `culvert site
// status`. In memory: agents say it again within minutes. Nobody has to trust this list: each note
// bears its agent's signature and its time.
#pragma once

#include <map>

#include "coordinator/core/pool.hpp"
#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/statements/site_state.hpp"

namespace culvert::coordinator {

// Of all agents; full: a random one of the site that has most makes room. An agent has one place,
// its newest takes it.
inline constexpr std::size_t kMaxStates = 8192;
inline constexpr std::size_t kMaxStateNote = 4096;

class States {
 public:
  // `from`: the node of the connection, admitted; null: a person's, refused (kDenied). A node hands
  // in its own state alone, for its own site, signed by its identity key.
  Status take(const note::Note& note, const trust::Node* from, Rng& rng);
  const note::Note* find(const trust::IdentityKey& agent) const;  // null: it has said nothing
  std::size_t size() const { return held_.size(); }

 private:
  struct Held {
    note::Note note;
    WallTime issued;
  };
  std::map<trust::IdentityKey, Held> held_;
  Pool<trust::IdentityKey> by_site_;
};

}  // namespace culvert::coordinator

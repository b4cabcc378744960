// The last `state` statement of each site agent (proto/trust/statements/site_state.hpp): which
// documents the agent knows. `culvert site status` shows them. States are in memory only, since
// agents send them again within minutes. Nobody has to trust this list: each note bears the agent's
// signature and a time.
#pragma once

#include <map>

#include "coordinator/core/pool.hpp"
#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/statements/site_state.hpp"

namespace culvert::coordinator {

// Of all agents, one for each. Beyond, a random agent of the site with the most states loses its
// own.
inline constexpr std::size_t kMaxStates = 8192;
inline constexpr std::size_t kMaxStateNote = 4096;

class States {
 public:
  // `from`: the admitted node at the other end; null: a person. kDenied: the state is not of `from`
  // itself, for its own site, signed by its identity key.
  Status take(const note::Note& note, const trust::Node* from, Rng& rng);
  const note::Note* find(const trust::IdentityKey& agent) const;  // null: no state yet
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

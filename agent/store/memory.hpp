// The data that an agent keeps over restarts, by name, in its two stores.
//
//   site store   pins     the root that this agent must trust, and the coordinator's URLs
//                floors   trust::Floors
//                notes    the last verified notes, for a start while the coordinator is down
//                revocations  the signed revocations that this agent has accepted (kept.hpp)
//   node store   keys     identity.hpp; keys-new: keys of a start that was interrupted
//                node     this node's own statement with its signatures so far; an agent's
//                         enrolment and the note that enrolled the agent
//                service  the last service statement of this node
//                uploaded how many audit entries the coordinator has
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/store/own_store.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/floors.hpp"
#include "proto/trust/register/pins.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/store.hpp"

namespace culvert::agent {

struct Origin {  // the stored `pins`
  trust::NodeKind kind = trust::NodeKind::kDevice;
  crypto::Hash pin;
  std::vector<std::string> coordinators;

  std::string render() const;
  static Result<Origin> parse(std::string_view text);
  trust::Pins pins() const;
};

// A save that fails with kConflict: another process has written to the same store (own_store.hpp).
class Memory {
 public:
  // `boot`: this boot of the machine, for the age of the site store. Both stores outlive the
  // Memory.
  Memory(trust::StateStore& site, trust::StateStore& node, trust::BootId boot = {})
      : site_(site), node_(node), boot_(boot) {}

  Result<std::optional<Origin>> origin();
  Status save(const Origin& origin);
  Result<trust::Floors> floors();  // empty in a new store; kDenied: the floors are lost
  Status save(const trust::Floors& floors);
  Result<std::vector<note::Note>> notes();
  Status save(const std::vector<note::Note>& notes);

  Result<std::vector<note::Note>> revocations();
  Status save_revocations(const std::vector<note::Note>& notes);

  Result<std::vector<note::Note>> own(std::string_view name);  // "node", "service"
  Status save_own(std::string_view name, const std::vector<note::Note>& notes);
  std::uint64_t uploaded();
  Status save_uploaded(std::uint64_t count);

  OwnStore& node_store() { return node_; }
  trust::BootId boot() const { return boot_; }

 private:
  OwnStore site_;
  OwnStore node_;
  trust::BootId boot_;
};

}  // namespace culvert::agent

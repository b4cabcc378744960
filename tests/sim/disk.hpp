// An agent's state folder, which outlives the agent's process.
#pragma once

#include <memory>

#include "proto/audit/sink.hpp"
#include "proto/trust/store.hpp"
#include "tests/support/memory_sink.hpp"
#include "tests/support/memory_state.hpp"

namespace culvert::sim {

struct Disk {
  trust::MemoryStore site;
  trust::MemoryStore node;
  audit::MemorySink audit;

  std::unique_ptr<Disk> copy() const {
    auto out = std::make_unique<Disk>();
    out->restore_stores(*this);
    static_cast<void>(out->audit.append(audit.entries(), audit::Purpose::kEnding));
    return out;
  }
  void restore_stores(const Disk& from) {
    site.restore(from.site.values());
    node.restore(from.node.values());
  }
  // Whether the folder has an identity but has lost the site's state. No agent may start on such a
  // folder.
  bool orphaned() const { return site.values().empty() && !node.values().empty(); }
};

}  // namespace culvert::sim

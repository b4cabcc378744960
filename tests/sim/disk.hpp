// What of an agent outlives its process: the state folder.
#pragma once

#include <memory>

#include "proto/audit/sink.hpp"
#include "proto/trust/store.hpp"

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
  // An identity, and nothing of what it may not forget: no agent may start on that.
  bool orphaned() const { return site.values().empty() && !node.values().empty(); }
};

}  // namespace culvert::sim

// What people and the terminator hear from Access: requests for access, and flows that may open.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "proto/core/time.hpp"
#include "proto/trust/grants/access.hpp"

namespace culvert::agent {

struct RequestOptions {
  std::string service;  // FQDN; a grant is for one service
  std::string reason;
  std::chrono::seconds duration{};            // from the first use
  std::optional<std::chrono::seconds> claim;  // wait for the first use; nothing: the policy's
  std::optional<WallTime> start;              // a scheduled start; nothing: now
};

struct RequestView {  // one grant note, from its request to its end
  struct Missing {    // approvals
    std::size_t vendor = 0;
    std::size_t customer = 0;
  };

  std::string grant;  // ULID of the grant
  std::string site;
  std::string requester;
  std::string service;
  std::string reason;
  trust::RequestPhase phase = trust::RequestPhase::kPending;
  std::optional<Missing> missing;    // nothing: this node cannot count the approvals
  std::optional<std::string> why;    // why the grant is invalid
  std::optional<WallTime> ends;      // unclaimed: the latest end
  std::optional<WallTime> claim_by;  // unclaimed: when the grant ends unused
  std::chrono::seconds duration{};   // how long the grant lasts from its first use
  std::string note;                  // the signed text
};

// What the terminator learns about a flow that may open.
struct FlowContext {
  std::string person;
  std::string grant;
  std::string device;  // ed25519:…
  WallTime ends;
  std::uint64_t audit = 0;   // index of the flow-open entry in this agent's log
  std::uint64_t member = 0;  // number among the flows that the entry announced; 0: own entry
};

}  // namespace culvert::agent

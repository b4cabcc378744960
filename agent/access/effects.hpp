// What Access wants done. `AccessEvent`s go to the shell (through Core); the Outbox goes to the
// coordinator (through Core's link).
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/terms/log_line.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/grants/lease_tracker.hpp"

namespace culvert::agent {

// This agent's own mesh addresses. Removing an address aborts its connections.
struct AddAddress {
  IpAddress address;
};
struct RemoveAddress {
  IpAddress address;
};
// A service of this site agent: accept mesh connections and give them to the terminator.
struct ListenService {
  std::string fqdn;
  Endpoint endpoint;
  bool tls = false;
};
struct UnlistenService {
  std::string fqdn;
  Endpoint endpoint;
};
// A question to the customer's lease server, by POST; answered by Core::handle_lease_answer. A
// newer question replaces one that is under way.
struct AskLease {
  std::string url;  // path included
  std::string body;
};
using AccessEvent =
    std::variant<AddAddress, RemoveAddress, ListenService, UnlistenService, AskLease, LogLine>;

struct Outbox {
  std::vector<note::Note> put;  // signed notes; the link keeps each until the coordinator answers
  // A note that the coordinator had before and may have forgotten. The link sends the note when
  // it is connected, and drops the note otherwise.
  std::optional<note::Note> remind;
  std::vector<trust::LeaseRequest> ask;  // questions for leases of the vendor
  bool node_changed = false;             // this node has a new statement: see Access::node()
};

}  // namespace culvert::agent

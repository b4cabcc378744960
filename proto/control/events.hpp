// What a control::Client tells its owner to do, and what the owner learns from it.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proto/control/message.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"

namespace culvert::control {

// What the owner must do.
struct OpenConnection {};  // an earlier connection is closed already
struct CloseConnection {};
struct SendRecord {
  Bytes record;  // one WebSocket binary message
};
using Output = std::variant<OpenConnection, CloseConnection, SendRecord>;

// What the owner learns.
struct Connected {
  std::vector<RelayInfo> relays;
  std::uint64_t audit_next = 0;                 // Welcome::audit_next
  std::vector<RevocationSet> revocations = {};  // Welcome::revocations
  bool offer = false;                           // Welcome::offer
};
struct Disconnected {
  Error why;
  Instant retry_at;  // never(): stopped
};
struct Learned {  // new, or the same text with further signature lines; nothing is verified
  NoteId id;
  std::string note;
};
struct Dropped {  // no longer concerns us
  NoteId id;
};
struct Synced {};  // all of a delta was handed out
// To put, site_info, list, audit. Request 0: a proof, and then only when it was refused.
struct Answered {
  RequestId request = 0;
  Result<Reply> reply;
};
struct Leased {
  RequestId request = 0;
  Result<std::string> note;
};
struct Ticketed {
  RequestId request = 0;
  std::string relay;
  Result<std::string> note;
};
using Event =
    std::variant<Connected, Disconnected, Learned, Dropped, Synced, Answered, Leased, Ticketed>;

}  // namespace culvert::control

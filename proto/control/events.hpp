// Outputs of a control::Client, which its owner carries out, and events, which the owner reads.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proto/control/message.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"

namespace culvert::control {

// Outputs.
struct OpenConnection {};  // any earlier connection is closed
struct CloseConnection {};
struct SendRecord {
  Bytes record;  // one WebSocket binary message
};
using Output = std::variant<OpenConnection, CloseConnection, SendRecord>;

// Events.
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
struct Learned {  // a new note, or new signature lines; not verified
  NoteId id;
  std::string note;
};
struct Dropped {  // no longer in the view
  NoteId id;
};
struct Synced {};  // the events of a whole step have been given out
// The answer to put, site_info, list or audit. Request 0: the refusal of a proof.
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

// Messages from the coordinator to clients. message.hpp describes the protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/control/requests.hpp"
#include "proto/core/result.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::control {

struct RelayInfo {
  std::string id;
  std::string host;
  std::uint16_t port = 0;
  std::uint16_t stun_port = 0;
  crypto::RelayKey key;
  crypto::Hash certificate;  // SHA-256 of the DER; zero: a public authority's certificate
  friend bool operator==(const RelayInfo&, const RelayInfo&) = default;
};
// The revocations of one site that the coordinator has for this client. `digest`:
// revocations_digest() of their ids. `site`: zero for revocations that name no site.
struct RevocationSet {
  crypto::Hash site;
  std::uint64_t count = 0;
  crypto::Hash digest;
  friend bool operator==(const RevocationSet&, const RevocationSet&) = default;
};
// The answer to hello. The receiver ignores unknown fields.
struct Welcome {
  std::uint32_t version = kProtocolVersion;  // the highest version that both sides speak
  std::string run;                           // the run that numbers deltas; new after a restart
  std::uint64_t seq = 0;
  std::vector<RelayInfo> relays;
  std::uint64_t stored = 0;      // position of the coordinator's store: grows with every commit
  std::uint64_t audit_next = 0;  // index of the client's first audit line that is missing
  std::vector<RevocationSet> revocations = {};
  bool offer = false;  // the store is older than Hello::stored: the client must send Offer
  friend bool operator==(const Welcome&, const Welcome&) = default;
};
// Changes of the client's view. `full`: the delta is the whole view; notes that are not in it are
// dropped. `more`: the next delta belongs to the same step; the client applies a step after its
// last delta.
struct Delta {
  std::uint64_t seq = 0;
  bool full = false;
  bool more = false;
  std::vector<std::string> put;
  std::vector<NoteId> drop;
  std::uint64_t after = 0;   // number of the step before this one; full: 0
  std::uint64_t stored = 0;  // as in Welcome
  friend bool operator==(const Delta&, const Delta&) = default;
};
struct Lease {
  RequestId re = 0;
  std::string note;
  friend bool operator==(const Lease&, const Lease&) = default;
};
struct Ticket {
  RequestId re = 0;
  std::string relay;
  std::string note;
  friend bool operator==(const Ticket&, const Ticket&) = default;
};
// A request or a device with its state ("PENDING vendor=1 customer=1", "APPROVED", "ADMITTED", …).
struct Listed {
  std::string note;
  std::string state;
  friend bool operator==(const Listed&, const Listed&) = default;
};
struct Reply {
  RequestId re = 0;
  std::vector<Listed> entries;
  std::vector<std::string> notes;  // the notes that verify the entries
  std::vector<std::string> lines;
  std::optional<crypto::Hash> policy;
  std::uint64_t next = 0;  // audit_query: audit_query: `before` of the next page; 0: no more
  std::optional<std::string> page = {};  // list: `page` of the next question; absent: no more
  friend bool operator==(const Reply&, const Reply&) = default;
};
struct ErrorReply {
  RequestId re = 0;  // 0: concerns the connection, which ends
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  friend bool operator==(const ErrorReply&, const ErrorReply&) = default;
};
struct Pong {
  friend bool operator==(const Pong&, const Pong&) = default;
};

}  // namespace culvert::control

// What clients say to the coordinator. message.hpp describes the whole.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/crypto/keys.hpp"
#include "proto/note/note.hpp"

namespace culvert::control {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::string_view kPath = "/control/v1";
inline constexpr std::size_t kMaxMessage = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxNotes = 512;  // in one message
inline constexpr std::size_t kMaxNoteSize = note::kMaxNoteSize;
inline constexpr std::size_t kMaxEnrolmentBundle = kMaxNoteSize + (64U << 10U);
inline constexpr std::size_t kMaxGrants = 256;        // in one lease request
inline constexpr std::size_t kMaxAuditEntries = 256;  // in one upload or answer
inline constexpr std::size_t kMaxAuditLine = 4096;
inline constexpr std::size_t kMaxRelays = 16;

using RequestId = std::uint64_t;  // unique among a client's outstanding requests, never 0
using NoteId = crypto::Hash;      // SHA-256 of a note's text, without its signature lines
using Nonce = std::array<std::uint8_t, 32>;

// First message of every connection. `node` is the client's own node statement (agents, devices),
// `enrolment` a bundle of what an agent's rests on: its enrolment, and the policy that this names.
// `run` and `since` are those of the last delta.
struct Hello {
  std::uint32_t version = kProtocolVersion;
  std::optional<std::string> node;
  std::optional<std::string> enrolment;
  std::string run;
  std::uint64_t since = 0;
  friend bool operator==(const Hello&, const Hello&) = default;
};
// A person without a node shows a key: the signature covers proof_message(handshake hash).
struct Prove {
  RequestId id = 0;
  crypto::VerifyKey key;
  crypto::Signature signature;
  friend bool operator==(const Prove&, const Prove&) = default;
};
// Statements, taken in order; the first refused ends it (error), those before it stay.
struct Put {
  RequestId id = 0;
  std::vector<std::string> notes;
  friend bool operator==(const Put&, const Put&) = default;
};
// Which site serves this name (a service's or the site's own)? → Reply{notes, policy}.
struct SiteInfo {
  RequestId id = 0;
  std::string fqdn;
  friend bool operator==(const SiteInfo&, const SiteInfo&) = default;
};
struct LeaseRequest {
  RequestId id = 0;
  crypto::Hash site;
  Nonce nonce{};
  std::vector<std::string> grants;  // grant ids
  friend bool operator==(const LeaseRequest&, const LeaseRequest&) = default;
};
struct TicketRequest {
  RequestId id = 0;
  std::string relay;  // Relay::id
  friend bool operator==(const TicketRequest&, const TicketRequest&) = default;
};
enum class ListWhat { kRequests, kDevices, kNodes, kStates };
// → Reply{entries, notes}: what the proven key may see. `site`: that site's requests only. Nodes:
// no entries, the notes that enrolled them. States: what each agent has said last (site_state.hpp),
// and the notes by which the agents can be told.
struct List {
  RequestId id = 0;
  ListWhat what = ListWhat::kRequests;
  std::optional<std::string> site;
  friend bool operator==(const List&, const List&) = default;
};
// Entries of the sender's own log; `first` is the index of the first, so a repeat adds nothing.
struct AuditUpload {
  RequestId id = 0;
  std::uint64_t first = 0;
  std::vector<std::string> entries;
  friend bool operator==(const AuditUpload&, const AuditUpload&) = default;
};
// → Reply{lines, next}: rows after `after` that the proven key may see.
struct AuditQuery {
  RequestId id = 0;
  std::optional<std::string> site;
  std::uint64_t after = 0;
  friend bool operator==(const AuditQuery&, const AuditQuery&) = default;
};
struct Ping {
  friend bool operator==(const Ping&, const Ping&) = default;
};

}  // namespace culvert::control

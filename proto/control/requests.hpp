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

// The versions of the protocol that a client speaks. As JSON: [least, most].
struct Versions {
  std::uint32_t least = kProtocolVersion;
  std::uint32_t most = kProtocolVersion;
  friend bool operator==(const Versions&, const Versions&) = default;
};
// First message of every connection. `node` is the client's own node statement (agents, devices),
// `enrolment` a bundle of what an agent's rests on: its enrolment, and the policy that this names.
// `run` and `since` are those of the last delta; `stored` is the highest position of the
// coordinator's store that the client has been told of (Welcome, Delta), 0 for none. Fields that
// the receiver does not know are ignored.
struct Hello {
  Versions version;
  std::optional<std::string> node;
  std::optional<std::string> enrolment;
  std::string run;
  std::uint64_t since = 0;
  std::uint64_t stored = 0;
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
// → Reply{entries, notes, lines, page}: what the proven key may see, a page at a time. `site`: that
// site's requests, nodes or states only. `page`: the `page` of the answer before; empty: the first.
// States: what each agent has said last (site_state.hpp).
struct List {
  RequestId id = 0;
  ListWhat what = ListWhat::kRequests;
  std::optional<std::string> site;
  std::string page = {};
  friend bool operator==(const List&, const List&) = default;
};
// Entries of the sender's own log; `first` is the index of the first, so a repeat adds nothing.
struct AuditUpload {
  RequestId id = 0;
  std::uint64_t first = 0;
  std::vector<std::string> entries;
  friend bool operator==(const AuditUpload&, const AuditUpload&) = default;
};
// → Reply{lines, next}: rows that the proven key may see, newest first, older than `before` (0:
// from the newest); `next` is the `before` of the page that follows.
struct AuditQuery {
  RequestId id = 0;
  std::optional<std::string> site;
  std::uint64_t before = 0;
  friend bool operator==(const AuditQuery&, const AuditQuery&) = default;
};
// An agent's or a device's signed revocations, after a welcome that named other ones than it keeps.
// Without notes: → Reply{lines}, the hashes (64 hex) of those among `ids` that the coordinator
// lacks. With notes: each is taken by itself, one that is refused does not stop the others.
struct Offer {
  RequestId id = 0;
  std::vector<NoteId> ids;
  std::vector<std::string> notes;
  friend bool operator==(const Offer&, const Offer&) = default;
};
struct Ping {
  friend bool operator==(const Ping&, const Ping&) = default;
};

}  // namespace culvert::control

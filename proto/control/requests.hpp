// Messages from clients to the coordinator. message.hpp describes the protocol.
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
// First message of every connection. `node`: the client's own node statement (agents, devices).
// `enrolment`: a bundle of an agent's enrolment and the policy that it names. `run`, `since`: of
// the last delta. `stored`: the highest store position of a Welcome or Delta so far; 0: none. The
// receiver ignores unknown fields.
struct Hello {
  Versions version;
  std::optional<std::string> node;
  std::optional<std::string> enrolment;
  std::string run;
  std::uint64_t since = 0;
  std::uint64_t stored = 0;
  friend bool operator==(const Hello&, const Hello&) = default;
};
// A person without a node proves a key. The signature covers proof_message(handshake hash).
struct Prove {
  RequestId id = 0;
  crypto::VerifyKey key;
  crypto::Signature signature;
  friend bool operator==(const Prove&, const Prove&) = default;
};
// Hands in statements, in order. The first refused one ends the request; earlier ones stay.
struct Put {
  RequestId id = 0;
  std::vector<std::string> notes;
  friend bool operator==(const Put&, const Put&) = default;
};
// Asks which site serves a name (a service's or the site's own). Answer: Reply{notes, policy}.
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
// Asks for the entries that the proven key may see. Answer: Reply{entries, notes, lines, page}.
// `site`: only entries of this site. `page`: from the previous answer; empty: the first page.
struct List {
  RequestId id = 0;
  ListWhat what = ListWhat::kRequests;
  std::optional<std::string> site;
  std::string page = {};
  friend bool operator==(const List&, const List&) = default;
};
// Entries of the sender's own log. `first`: index of the first; a repeated entry adds nothing.
struct AuditUpload {
  RequestId id = 0;
  std::uint64_t first = 0;
  std::vector<std::string> entries;
  friend bool operator==(const AuditUpload&, const AuditUpload&) = default;
};
// Asks for the audit lines that the proven key may see, newest first, older than `before` (0: from
// the newest). Answer: Reply{lines, next}; `next` is the `before` of the next page.
struct AuditQuery {
  RequestId id = 0;
  std::optional<std::string> site;
  std::uint64_t before = 0;
  friend bool operator==(const AuditQuery&, const AuditQuery&) = default;
};
// Revocations of a node whose digest differs from the welcome's. Without notes, asks which of `ids`
// the coordinator lacks. Answer: Reply{lines}, their hashes (64 hex). With notes, hands them in;
// the coordinator takes each by itself, so a refused note does not stop the others.
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

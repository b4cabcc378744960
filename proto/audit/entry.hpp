// One line of the audit log: who did what, under which grant, at which service, how it ended.
//
//   2026-11-21T15:00:00Z flow-open who=alice@vendor.example grant=01KAPJ… service=api.acme… …
//
// Time and kind, then `field=value` in the order of the struct. One space precedes each field; an
// empty field, and a count of zero, is absent. Values are UTF-8. In a value, space, '%', '=' and
// every byte that is not printable ASCII is written as %XX (upper-case hex). Strict both ways:
// render(parse(t)) == t.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/core/result.hpp"
#include "proto/core/time.hpp"

namespace culvert::audit {

inline constexpr std::size_t kMaxEntryLine = 4096;  // bytes of a rendered entry, without newline

enum class Kind {
  kAgentStart,
  kNodeAdmitted,
  kRequest,
  kApproval,
  kWithdrawal,
  kDenial,
  kRevocation,
  kGrantActive,
  kGrantEnded,
  kFlowOpen,
  kFlowClose,
  kFlowGroup,  // `count` further flows that an earlier kFlowOpen announced, and their bytes
  kFlowDenied,
  kLeaseLapsed,
  kLock,
  kUnlock,
  kClock,
  kAlarm,  // a contradiction that somebody must look at
};
std::string_view name_of(Kind kind);  // agent-start, node-admitted, …

struct Entry {
  WallTime at;
  Kind kind = Kind::kAgentStart;
  std::string who;          // person, or node name where no person acts
  std::string device;       // ed25519:…, the key that acted
  std::string site;         // FQDN suffix
  std::string grant;        // the grant's ULID
  std::string service;      // FQDN
  std::string outcome;      // ok, denied, expired, revoked, …
  std::string detail;       // free text: reason, path, upstream's error
  std::uint64_t count = 0;  // flows that are not listed one by one
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;

  friend bool operator==(const Entry&, const Entry&) = default;
};

// Cuts the longest fields when the line would be longer than kMaxEntryLine.
std::string render(const Entry& entry);
bool is_utf8(const Entry& entry);  // true: each text field is UTF-8
void make_utf8(Entry& entry);      // U+FFFD in place of each byte that belongs to no character
Result<Entry> parse_entry(std::string_view line);

// The entries that a reader asks for; an empty field matches all.
struct Query {
  std::optional<WallTime> since = {};
  std::optional<WallTime> until = {};
  std::string who = {};
  std::string grant = {};
  std::string service = {};
  std::size_t limit = 1000;  // at most the newest `limit` entries, in order from the oldest
};
bool matches(const Query& query, const Entry& entry);

}  // namespace culvert::audit

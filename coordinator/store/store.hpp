// Where the coordinator keeps what must survive a restart: statements and audit lines.
//
// A full disk does not keep anybody from revoking: room for revocations is set aside beforehand
// (reserve.hpp), and batches that revoke go there when the store takes nothing.
//
// The core holds everything it needs in memory and reads the store at start and when another
// process (`site add`) has changed it; each step of the core is one commit, durable on return and
// all or nothing. Nothing here is trusted: notes are verified again when they are read.
// One thread owns a store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kMaxStoredNotes = 100'000;
inline constexpr std::size_t kMaxAuditPage = 256;
// Audit lines of one site (the vendor's own affairs count as one), with kAuditRowOverhead a line.
// Above it the oldest lines go of whichever source has the most there, so that a source that floods
// pushes out its own lines alone.
inline constexpr std::uint64_t kMaxSiteAudit = 256U << 20U;
inline constexpr std::uint64_t kAuditRowOverhead = 128;

// A statement with all signature lines collected so far. `id` is the SHA-256 of its text.
struct NoteRow {
  crypto::Hash id;
  std::string note;
  WallTime arrived;
  friend bool operator==(const NoteRow&, const NoteRow&) = default;
};

// One audit line. The newest line of a source never goes. A source's indices only grow: one below
// its next is a repeat and adds nothing.
struct AuditRow {
  std::string source;       // "coordinator" or the uploading node's identity key
  std::uint64_t index = 0;  // in the source's own numbering
  std::string site;         // site FQDN; empty: the vendor's own affairs
  WallTime at;              // when it was stored
  std::string line;
  friend bool operator==(const AuditRow&, const AuditRow&) = default;
};
struct StoredAudit {
  std::uint64_t number = 0;  // grows with every row, from 1
  AuditRow row;
  friend bool operator==(const StoredAudit&, const StoredAudit&) = default;
};
struct AuditFilter {
  std::optional<std::string> site;      // absent: every site
  std::uint64_t after = 0;              // numbers above this, ascending
  std::optional<std::uint64_t> before;  // set: numbers below this (0: any), the newest first
  std::size_t limit = kMaxAuditPage;
};

inline std::uint64_t size_of(const AuditRow& row) { return row.line.size() + kAuditRowOverhead; }

// One step: applied whole or not at all. `revokes`: it ends something and may use the reserve.
struct Batch {
  std::vector<NoteRow> put;  // by id: new, or replaces (signature lines merged by the core)
  std::vector<crypto::Hash> erase;
  std::vector<AuditRow> audit;
  bool revokes = false;
  std::optional<std::string> clock = {};  // the store's clock from then on; alone it is no step

  bool empty() const { return put.empty() && erase.empty() && audit.empty(); }
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  virtual Status commit(const Batch& batch) = 0;
  // Every note in the order of its first arrival.
  virtual Result<std::vector<NoteRow>> notes() = 0;
  virtual Result<std::vector<StoredAudit>> audit(const AuditFilter& filter) = 0;
  // One above the highest index that the source has stored; 0 when none.
  virtual Result<std::uint64_t> next_index(const std::string& source) = 0;
  // Changes when another process has committed.
  virtual Result<std::uint64_t> version() = 0;
  // The clock that the last batch with one left; absent: there was none.
  virtual Result<std::optional<std::string>> clock() = 0;
  // Grows with every new statement and audit line and never goes back, so that an older copy of the
  // store is known by a lower one.
  virtual Result<std::uint64_t> position() = 0;

  // Writes as a commit does, moves what the reserve holds to where it belongs and makes the reserve
  // whole again. What /readyz and the core ask; an error says what is wrong with the disk.
  virtual Status probe() = 0;
  // A batch that revokes would be durable now: the last commit or probe went well, or the reserve
  // has room.
  virtual bool can_revoke() const = 0;
};

}  // namespace culvert::coordinator

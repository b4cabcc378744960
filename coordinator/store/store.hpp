// Where the coordinator keeps statements and audit lines, which survive a restart.
//
// A full disk prevents no revocation. Room for revocations is set aside beforehand (reserve.hpp);
// when the store takes nothing, batches that revoke go there.
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
// Bytes of one site's audit lines, with kAuditRowOverhead for each line. The vendor's own affairs
// count as one site. Beyond, the oldest lines of the source with the most bytes at that site are
// erased, so that a source that floods loses only its own lines.
inline constexpr std::uint64_t kMaxSiteAudit = 256U << 20U;
inline constexpr std::uint64_t kAuditRowOverhead = 128;

// A statement with all signature lines collected so far. `id` is the SHA-256 of its text.
struct NoteRow {
  crypto::Hash id;
  std::string note;
  WallTime arrived;
  friend bool operator==(const NoteRow&, const NoteRow&) = default;
};

// One audit line. The newest line of a source is never erased. The indices of a source only grow: a
// line with a smaller index was stored before and adds nothing.
struct AuditRow {
  std::string source;       // "coordinator" or the uploading node's identity key
  std::uint64_t index = 0;  // in the source's own numbering
  std::string site;         // site FQDN; empty: the vendor's own affairs
  WallTime at;              // time of storing
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

// One step, applied whole or not at all. `revokes`: the batch holds revocations and may use the
// reserve.
struct Batch {
  std::vector<NoteRow> put;  // new notes, and replacements of notes with the same id
  std::vector<crypto::Hash> erase;
  std::vector<AuditRow> audit;
  bool revokes = false;
  std::optional<std::string> clock = {};  // the store's clock from then on; empty() ignores it

  bool empty() const { return put.empty() && erase.empty() && audit.empty(); }
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  virtual Status commit(const Batch& batch) = 0;
  // All notes in the order of first arrival.
  virtual Result<std::vector<NoteRow>> notes() = 0;
  virtual Result<std::vector<StoredAudit>> audit(const AuditFilter& filter) = 0;
  // One above the highest index that the source has stored; 0: no line.
  virtual Result<std::uint64_t> next_index(const std::string& source) = 0;
  // A number that changes when another process has committed.
  virtual Result<std::uint64_t> version() = 0;
  // The clock of the last batch that had one; absent: no batch had one.
  virtual Result<std::optional<std::string>> clock() = 0;
  // A number that grows with every new statement and audit line and never falls. An older copy of
  // the store has a smaller number.
  virtual Result<std::uint64_t> position() = 0;

  // Writes as a commit does, moves the reserve's batches into the store, and makes the reserve
  // whole again. For /readyz and the core. The error says what is wrong with the disk.
  virtual Status probe() = 0;
  // True: a batch that revokes would be durable now, because the last commit or probe succeeded or
  // the reserve has room.
  virtual bool can_revoke() const = 0;
};

}  // namespace culvert::coordinator

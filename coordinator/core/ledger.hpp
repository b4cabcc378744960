// The statements that the coordinator holds: verified, in memory and in the store, with its own
// audit lines. Changes collect in a batch; commit() makes them durable before anyone is told of
// them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "coordinator/store/store.hpp"
#include "proto/audit/entry.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::coordinator {

inline constexpr std::string_view kOwnSource = "coordinator";
inline constexpr std::chrono::seconds kKeepEnded{30 * 24 * 3600};  // past the end of a statement

class Ledger {
 public:
  explicit Ledger(Store& store);  // outlives the ledger

  // Everything anew from the store. Which vendor and which sites are served is decided by the
  // epoch-1 roots that stand there: only the operator's commands put those.
  Status load(Now now);

  // Verifies one statement and takes it. Errors as Evidence::offer; kNotFound: a site or a vendor
  // that the operator has not added.
  Result<trust::Change> take(const note::Note& note, Now now);
  void journal(audit::Entry entry);  // one of our own audit lines
  void upload(std::vector<AuditRow> rows);
  // On failure memory and store differ: load() again before anything else.
  Status commit();
  bool uncommitted() const { return !batch_.empty(); }

  void advance(Now now);  // time passed: grants end, what ended long ago is forgotten
  const trust::Evidence& evidence() const { return evidence_; }
  bool serves(const trust::SiteId& site) const { return sites_.contains(site); }
  bool has_vendor() const { return has_vendor_; }
  struct Held {
    trust::Kind kind = trust::Kind::kRoot;
    std::string note;        // text and signature lines
    crypto::Hash whole;      // SHA-256 of `note`
    std::uint64_t rank = 0;  // in ascending order each can be verified with those before it
    WallTime forget;         // so long over that nobody can need it
  };
  const Held* find(const crypto::Hash& id) const;  // null: not held
  std::vector<std::string> notes_of(trust::Kind kind) const;
  std::size_t size() const { return held_.size(); }

 private:
  Status may_take(trust::Kind kind, const note::Note& note, Now now) const;
  std::vector<crypto::Hash> superseded(trust::Kind kind, const note::Note& note) const;
  void hold(trust::Kind kind, const note::Note& note);

  Store& store_;
  trust::Evidence evidence_;
  std::set<trust::SiteId> sites_;
  bool has_vendor_ = false;
  std::map<crypto::Hash, Held> held_;
  std::map<trust::IdentityKey, crypto::Hash> services_;  // the service statement of each node
  std::map<trust::SiteId, crypto::Hash> directory_;      // the site statement of each site
  std::uint64_t next_index_ = 0;                         // of our own audit lines
  Batch batch_;
};

}  // namespace culvert::coordinator

// The statements that the coordinator holds: verified, in memory and in the store, with its own
// audit lines. Changes collect in a batch; commit() makes them durable before anyone is told of
// them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "coordinator/core/further.hpp"
#include "coordinator/core/retention.hpp"
#include "coordinator/core/revoked.hpp"
#include "coordinator/core/shares.hpp"
#include "coordinator/store/store.hpp"
#include "proto/audit/entry.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::coordinator {

inline constexpr std::string_view kOwnSource = "coordinator";
// Of kMaxStoredNotes this many are for revocations alone.
inline constexpr std::size_t kReservedForRevocations = 16'384;

class Ledger {
 public:
  // The store outlives the ledger. `boot`: this boot of the machine, for the store's age.
  explicit Ledger(Store& store, trust::BootId boot = {});

  // Everything anew from the store. Which vendor and which sites are served is decided by the
  // epoch-1 roots that stand there: only the operator's commands put those.
  Status load(Now now);

  // Verifies one statement and takes it. Errors as Evidence::offer; kNotFound: a site or a vendor
  // that the operator has not added; kExhausted: whom it is charged to has its share (shares.hpp).
  Result<trust::Change> take(const note::Note& note, Now now);
  // Our own audit lines. Those of revocations are committed with the revocations.
  void journal(audit::Entry entry);
  void upload(std::vector<AuditRow> rows);
  // Revocations first, in a batch of their own that may use the store's reserve. On failure memory
  // and store differ: load() again before anything else.
  Status commit_revocations();
  Status commit();
  bool revoking() const { return !revoking_.empty(); }
  bool uncommitted() const { return !batch_.empty() || !revoking_.empty(); }

  void advance(Now now);  // time passed: grants end, what ended long ago is forgotten
  const trust::Evidence& evidence() const { return evidence_; }
  bool serves(const trust::SiteId& site) const { return sites_.contains(site); }
  bool has_vendor() const { return has_vendor_; }
  struct Held {
    std::optional<trust::Kind> kind;      // absent: of a type not known here
    std::optional<trust::SiteId> site;    // of a revocation or a statement of an unknown type
    std::optional<trust::GrantId> grant;  // of a grant
    std::string note;                     // text and signature lines
    crypto::Hash whole;                   // SHA-256 of `note`
    std::uint64_t rank = 0;  // in ascending order each can be verified with those before it
    WallTime arrived;
    WallTime over;                    // it counts for nothing from then on
    std::vector<std::string> owners;  // whom it is charged to
  };
  const Held* find(const crypto::Hash& id) const;  // null: not held
  const RevocationIndex& revoked() const { return revoked_; }
  std::vector<trust::GrantId> grants_of(const trust::IdentityKey& device) const;
  // Statements of unknown types; `site` absent: the vendor's.
  std::vector<std::pair<crypto::Hash, std::optional<trust::SiteId>>> further() const;
  std::size_t size() const { return held_.size(); }
  Result<std::uint64_t> position() { return store_.position(); }

 private:
  Status may_take(trust::Kind kind, const note::Note& note, Now now) const;
  Status has_share(const note::Note& note, const std::vector<Share>& shares, Now now) const;
  bool counts(const Held& held, Now now) const;
  Result<trust::Change> take_further(const note::Note& note, Now now);
  std::vector<crypto::Hash> superseded(trust::Kind kind, const note::Note& note) const;
  void hold(trust::Kind kind, const note::Note& note, WallTime arrived);
  void hold_further(const Further& further, WallTime arrived);
  void put(const crypto::Hash& id, Held held);
  void drop(const crypto::Hash& id);
  void erase(const crypto::Hash& id);  // also from the store
  Status start_clock(Now now);
  Status write(Batch batch);

  Store& store_;
  trust::BootId boot_;
  std::optional<trust::StoreClock> clock_;
  trust::Evidence evidence_;
  std::set<trust::SiteId> sites_;
  bool has_vendor_ = false;
  std::map<crypto::Hash, Held> held_;
  std::map<trust::IdentityKey, crypto::Hash> services_;  // the service statement of each node
  std::map<trust::SiteId, crypto::Hash> directory_;      // the site statement of each site
  Shares shares_;
  RevocationIndex revoked_;
  Retention retention_;  // of every row in the store, also of those that do not verify now
  std::set<crypto::Hash> further_;  // statements of types not known here
  std::uint64_t next_index_ = 0;    // of our own audit lines, which get it when they are written
  Batch batch_, revoking_;
};

// Whether a request is still to be listed for approvers, and counts in its owners' shares.
bool is_unfinished(trust::RequestPhase phase);

}  // namespace culvert::coordinator

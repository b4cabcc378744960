// The statements that the coordinator holds: verified, in memory and in the store, together with
// the coordinator's own audit lines. Statements come from statements.cpp and hello.cpp in
// coordinator/core. Changes collect in a batch; the core calls commit() to make them durable and
// only then sends them to the nodes concerned.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "coordinator/ledger/further.hpp"
#include "coordinator/ledger/retention.hpp"
#include "coordinator/ledger/revoked.hpp"
#include "coordinator/ledger/shares.hpp"
#include "coordinator/store/store.hpp"
#include "proto/audit/entry.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::coordinator {

inline constexpr std::string_view kOwnSource = "coordinator";
// The part of kMaxStoredNotes that only revocations may use.
inline constexpr std::size_t kReservedForRevocations = 16'384;

class Ledger {
 public:
  // The store outlives the ledger. `boot`: this boot of the machine, for the store's clock.
  explicit Ledger(Store& store, trust::BootId boot = {});

  // Reads everything from the store, also a second time. The epoch-1 roots in the store decide
  // which vendor and which sites this coordinator serves. Only the operator's commands add such
  // roots.
  Status load(Now now);

  // Verifies one statement and takes it. Errors as Evidence::offer; kNotFound: a site or a vendor
  // that the operator has not added; kExhausted: an owner that the statement is charged to has its
  // share (shares.hpp).
  Result<trust::Change> take(Now now, const note::Note& note);
  // Adds an audit line of the coordinator's own. Lines about revocations are committed together
  // with the revocations.
  void journal(audit::Entry entry);
  void upload(std::vector<AuditRow> rows);
  // Both make the collected changes durable. commit() commits revocations first, in a batch of
  // their own that may use the store's reserve. After an error memory and store differ: the caller
  // calls load() before anything else.
  Status commit_revocations();
  Status commit();
  bool revoking() const { return !revoking_.empty(); }
  bool uncommitted() const { return !batch_.empty() || !revoking_.empty(); }

  void advance(Now now);  // time has passed: erases what ended long ago
  const trust::Evidence& evidence() const { return evidence_; }
  bool serves(const trust::SiteId& site) const { return sites_.contains(site); }
  bool has_vendor() const { return has_vendor_; }
  struct Held {
    std::optional<trust::Kind> kind;      // absent: a type not known here
    std::optional<trust::SiteId> site;    // set for revocations and unknown types
    std::optional<trust::GrantId> grant;  // set for grants
    std::string note;                     // text and signature lines
    crypto::Hash whole;                   // SHA-256 of `note`
    std::uint64_t rank = 0;               // rank_of() its text
    WallTime arrived;
    WallTime over;                    // from then on the statement has no effect
    std::vector<std::string> owners;  // the owners that it is charged to (shares.hpp)
  };
  const Held* find(const crypto::Hash& id) const;  // null: not held
  const RevocationIndex& revoked() const { return revoked_; }
  std::vector<trust::GrantId> grants_of(const trust::IdentityKey& device) const;
  // Statements of unknown types; `site` absent: the vendor's.
  std::vector<std::pair<crypto::Hash, std::optional<trust::SiteId>>> further() const;
  std::size_t size() const { return held_.size(); }
  Result<std::uint64_t> position() { return store_.position(); }

 private:
  Status may_take(Now now, trust::Kind kind, const note::Note& note) const;
  Status has_share(Now now, const note::Note& note, const std::vector<Share>& shares) const;
  bool counts(Now now, const Held& held) const;
  Result<trust::Change> take_further(Now now, const note::Note& note);
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
  Retention retention_;             // for every row, also those that do not verify now
  std::set<crypto::Hash> further_;  // statements of types not known here
  std::uint64_t next_index_ = 0;    // of the coordinator's next audit line
  Batch batch_, revoking_;
};

// The order in which a reader can verify statements: vendor roots by epoch, site statements, site
// roots by epoch, then each kind after the kinds that it rests on.
std::uint64_t rank_of(std::string_view text);

// True: approvers still see the request in their list, and the request counts in its owners'
// shares.
bool is_unfinished(trust::RequestPhase phase);

}  // namespace culvert::coordinator

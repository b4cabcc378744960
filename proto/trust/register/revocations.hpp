// The remembered revocations: what each revocation ended, until when it matters, and in whose share
// it counts. Revocations of grants count too: the grants ask the register to charge them, so that a
// signer has one share for all revocations.
//
// Each revocation is charged to the first signer that counts, and to that signer's side at the
// site. A full share refuses only that signer, or only that side at that site.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "proto/core/result.hpp"
#include "proto/trust/register/held_revocations.hpp"
#include "proto/trust/register/register_floors.hpp"
#include "proto/trust/register/tally.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::trust {

// The side of a key that signs revocations at a site; each side has its own share there.
enum class RevokingSide { kVendor, kCustomer, kDevice };

class Revocations {
 public:
  // The side of a signer at the site of the revocation that is being charged.
  using SideOf = std::function<RevokingSide(const crypto::PublicKey& signer)>;

  explicit Revocations(std::map<RevokedId, Revoked> entries);

  const Revoked* find(const RevokedId& id) const;  // null: not revoked
  bool contains(const RevokedId& id) const { return entries_.contains(id); }
  // The signed notes. Some revocations are remembered without a note; the revocation of a suspended
  // key is held as a note alone.
  const HeldRevocations& notes() const { return notes_; }

  // kExhausted: the share of the signer, or of the signer's side at the site, is full. A revocation
  // that is remembered already needs no room.
  Status room_for(const RevokedId& id, const Revoked& entry, const SideOf& side_of) const;
  // Remembers a revocation; an entry that exists already stays as it is.
  void enter(const RevokedId& id, const Revoked& entry);
  // Remembers a revocation for at least as long as `entry` says.
  void extend(const RevokedId& id, const Revoked& entry);
  void keep_note(const RevokedId& id, note::Note note) { notes_.keep(id, std::move(note)); }
  // Forgets the revocations whose time has ended at this age of the store, with their notes. False:
  // nothing was forgotten.
  bool forget(StoreAge age);

  const std::map<RevokedId, Revoked>& entries() const { return entries_; }

 private:
  void count(const RevokedId& id, const crypto::PublicKey& signer);

  std::map<RevokedId, Revoked> entries_;
  HeldRevocations notes_;
  Tally<crypto::PublicKey> by_signer_;                  // entries of each signer
  std::map<SiteId, Tally<crypto::PublicKey>> at_site_;  // by site (zero: none)
};

// The signer that makes a revocation count and is charged for the revocation: the first key, in the
// order of the roots, that may revoke alone or together with others. Nothing: no signer may revoke.
// `site`: the site's root, or null. Not for the revocation of a key, which the key itself signs.
std::optional<crypto::PublicKey> counting_signer(const Revocation& revocation, const Root* vendor,
                                                 const Root* site,
                                                 std::span<const note::KnownKey> by);

}  // namespace culvert::trust

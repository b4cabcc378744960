// The revocations that are remembered: what each of them ended, until when it matters, and in whose
// share it counts. Of grants too: the grants ask the register to charge their revocations, so that
// a signer has one share for everything.
//
// Each revocation is charged to its first counting signer, and to that signer's side at the site: a
// full share refuses that signer alone, or that side of that site alone.
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

// Whose keys sign revocations at a site; each side has a share of its own there.
enum class RevokingSide { kVendor, kCustomer, kDevice };

class Revocations {
 public:
  // Which side a signer belongs to, at the site of the revocation in question.
  using SideOf = std::function<RevokingSide(const crypto::PublicKey& signer)>;

  explicit Revocations(std::map<RevokedId, Revoked> entries);

  const Revoked* find(const RevokedId& id) const;  // null: not revoked
  bool contains(const RevokedId& id) const { return entries_.contains(id); }
  // The signed notes. A revocation may be remembered without its note, and that of a suspended key
  // has a note alone.
  const HeldRevocations& notes() const { return notes_; }

  // kExhausted: the share of the signer, or of the signer's side at the site, is full. What is
  // remembered already has its place.
  Status room_for(const RevokedId& id, const Revoked& entry, const SideOf& side_of) const;
  // Remembers a revocation; what is remembered already stays as it is.
  void enter(const RevokedId& id, const Revoked& entry);
  // Remembers a revocation for at least as long as `entry` says.
  void extend(const RevokedId& id, const Revoked& entry);
  void keep_note(const RevokedId& id, note::Note note) { notes_.keep(id, std::move(note)); }
  // Forgets, with their notes, the revocations whose time is over at this age. False: there are
  // none.
  bool forget(StoreAge age);

  const std::map<RevokedId, Revoked>& entries() const { return entries_; }

 private:
  void count(const RevokedId& id, const crypto::PublicKey& signer);

  std::map<RevokedId, Revoked> entries_;
  HeldRevocations notes_;
  Tally<crypto::PublicKey> by_signer_;                  // of entries_
  std::map<SiteId, Tally<crypto::PublicKey>> at_site_;  // the same, by site (zero: none)
};

// The key whose signature makes a revocation count, and which is charged for the revocation: the
// first key, in the order of the roots, that may do so alone or with the others. Nothing: nobody
// who may do so has signed. `site`: the site's root, or null. A revoked key signs for itself and is
// not looked up here.
std::optional<crypto::PublicKey> counting_signer(const Revocation& revocation, const Root* vendor,
                                                 const Root* site,
                                                 std::span<const note::KnownKey> by);

}  // namespace culvert::trust

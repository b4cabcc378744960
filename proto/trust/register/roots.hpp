// The keys that may sign: the vendor's chain of roots, the chain of each site, and the suspended
// keys. Signatures of all other statements are verified against the current roots.
//
// Roots arrive as notes (offer()) from an untrusted carrier; a chain begins at a pinned first root.
// Whether anybody vouches for a site is not decided here: Register::site_root() answers that.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "proto/trust/register/chain.hpp"
#include "proto/trust/register/pins.hpp"
#include "proto/trust/register/register_floors.hpp"
#include "proto/trust/register/suspended_keys.hpp"

namespace culvert::trust {

class Roots {
 public:
  Roots(const Pins& pins, const RegisterFloors& floors);

  // --- roots; null: not known, or older than the floor ---
  const Root* vendor() const { return vendor_ ? vendor_->current() : nullptr; }
  VendorId vendor_id() const;  // zero: not known which vendor
  const RootChain* vendor_chain() const { return vendor_ ? &*vendor_ : nullptr; }
  const Root* site(const SiteId& id) const;
  const RootChain* site_chain(const SiteId& id) const;
  DocumentMark vendor_mark() const;                      // zero: no vendor root
  DocumentMark site_mark(const SiteId& id) const;        // zero: no root of that site
  bool lists(const crypto::PublicKey& key) const;        // some current root lists the key
  bool ever_listed(const crypto::PublicKey& key) const;  // some epoch of some chain lists it
  // Calls `visit` with the vendor's chain, then with the chain of each site.
  void each(const std::function<void(const RootChain&)>& visit) const;

  // --- signatures. `site`: the root whose keys count beside the vendor's, or null; `more`, `own`:
  // further keys that count. Errors as note::verify. ---
  // The verified signers that are not suspended.
  Result<std::vector<note::KnownKey>> signers(const note::Note& note, const Root* site,
                                              std::span<const note::KnownKey> more = {}) const;
  // The signers without the keys that both current roots list: such a key counts for neither side.
  Result<std::vector<note::KnownKey>> one_sided_signers(
      const note::Note& note, const Root& site, std::span<const note::KnownKey> more = {}) const;
  Result<note::Note> keep_known(const note::Note& note, const Root* site,
                                std::span<const note::KnownKey> more) const;
  // The note without the lines that no known key has signed.
  note::Note stripped(const note::Note& note, const Root* site,
                      std::span<const note::KnownKey> more = {}) const;
  // For a known text that arrives again: adds new lines of known keys to `held`. False: nothing
  // new.
  Result<bool> more_lines(note::Note& held, const note::Note& more, const Root* site,
                          std::span<const note::KnownKey> own = {}) const;

  // --- what arrives ---
  void add_site(const SiteId& id);  // from now on the chain is known
  // The chain must be known: the vendor's, or one of add_site(). Errors as RootChain::offer.
  Result<ChainMove> offer(const note::Note& note, const Hash& genesis);
  // An operator keeps this text of a forked epoch. kNotFound: no fork known here has that text.
  Status choose_fork(const Hash& text);
  // Steps the chain of `next` to this unsigned root, to see what would end. False: no such chain.
  bool suppose(const Root& next);

  const SuspendedKeys& suspended() const { return suspended_; }
  // kExhausted: every chain that lists the key has as many suspended keys as allowed.
  Status room_to_suspend(const crypto::PublicKey& key) const;
  // `named`: the newest roots that the key's holder knows.
  void suspend(const crypto::PublicKey& key, std::span<const Hash> named);

  // The floors of roots, with the names of sites.
  struct NamedFloor {
    Fqdn name;
    ChainFloor root;
  };
  const std::map<VendorId, ChainFloor>& vendor_floors() const { return vendor_floors_; }
  const std::map<SiteId, NamedFloor>& site_floors() const { return site_floors_; }
  std::uint64_t revision() const { return revision_; }  // changes when the floors of roots do

 private:
  RootChain* chain_of(const Hash& genesis);  // null: not known
  void adopt_vendor();                       // the pinned site's root says which vendor
  void keep_floor(const RootChain& chain);
  bool choose(RootChain& chain, const Hash& text);

  Pins pins_;
  std::optional<RootChain> vendor_;  // empty until the vendor is known
  std::map<SiteId, RootChain> sites_;
  std::map<VendorId, ChainFloor> vendor_floors_;
  std::map<SiteId, NamedFloor> site_floors_;
  SuspendedKeys suspended_;
  std::uint64_t revision_ = 0;
};

}  // namespace culvert::trust

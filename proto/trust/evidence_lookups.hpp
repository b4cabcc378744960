// What Evidence looks up in its records, without changing what is believed. Not for other folders.
#pragma once

#include <optional>
#include <vector>

#include "proto/trust/evidence_records.hpp"
#include "proto/trust/limits.hpp"
#include "proto/trust/register/store_clock.hpp"

namespace culvert::trust {

struct Lookups : Records {
  Lookups(Pins with, Floors from, BootId boot) : store_clock(from.clock, boot) {
    pins = with;
    floors = std::move(from);
  }

  StoreClock store_clock;  // floors.clock is its stored part

  // evidence_state.cpp: lookups and signatures
  SiteRecord& site_record(const SiteId& id);            // made where it is missing
  const SiteRecord* usable(const SiteRef& site) const;  // vouched for, right name, right vendor
  const SiteRecord* usable(const SiteId& id) const;
  const Root* vendor_root() const { return vendor ? vendor->current() : nullptr; }
  VendorId vendor_id() const { return vendor ? to_vendor_id(vendor->pin()) : VendorId{}; }
  const Policy* policy(const SiteRecord& site) const;
  bool in_force(const Node& node, WallTime now) const;
  const Node* node(const IdentityKey& identity, WallTime now) const;
  WallTime clock(Now now) const { return store_clock.clock(now); }
  bool clock_went_back(Now now) const { return store_clock.went_back(now); }
  // Verified signers among the current keys of the vendor, the site and `more`; suspended ones left
  // out.
  Result<std::vector<note::KnownKey>> signers(const note::Note& note, const SiteRecord* site,
                                              std::span<const note::KnownKey> more = {}) const;
  Result<note::Note> keep_known(const note::Note& note, const SiteRecord* site,
                                std::span<const note::KnownKey> more) const;
  bool listed_in_a_root(const crypto::PublicKey& key) const;
  bool entitled(const Held<Service>& held, const PolicyService& service,
                const SiteRecord& site) const;
  std::vector<Publisher> publishers(const PolicyService& service, const SiteRecord& site,
                                    WallTime now) const;

  // A known text came again: takes the lines that are new and good. False: there are none.
  Result<bool> more_lines(note::Note& held, const note::Note& more, const SiteRecord* site,
                          std::span<const note::KnownKey> own = {}) const;
  // Without the lines that no known key made.
  note::Note stripped(const note::Note& note, const SiteRecord* site,
                      std::span<const note::KnownKey> own = {}) const;

  // evidence_revoke.cpp, evidence_suspend.cpp, evidence_enrolled.cpp: what has ended
  bool revoked(Revokes what, const std::array<std::uint8_t, 32>& subject, const SiteId& site) const;
  bool revoked(const Node& node) const;
  bool device_revoked(const IdentityKey& device, const SiteId& site) const;
  bool suspended(const crypto::PublicKey& key) const;  // for ever, in every chain
  bool replaced(const IdentityKey& identity) const;
  std::optional<IdentityKey> holder(const SiteId& site, const Label& name) const;
};

}  // namespace culvert::trust

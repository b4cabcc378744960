// The vendor and the sites of one simulated mesh: the keys, and the documents
// (tests/support/ceremony.hpp) that people make before any program runs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/control/noise.hpp"
#include "proto/core/rng.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/policy.hpp"
#include "proto/trust/statements/sign.hpp"
#include "proto/trust/statements/token.hpp"
#include "tests/support/ceremony.hpp"

namespace culvert::sim {

inline constexpr const char* kCoordinatorUrl = "https://coordinator.sim:7443";
inline constexpr const char* kVendorName = "vendor.example";
inline constexpr const char* kRelayHost = "relay.sim";
// The pin of the first site's `relay:` line. The simulated relays have no certificate to compare.
inline constexpr crypto::Hash kRelayPin{{1}};

using ceremony::must;
using KeyHolder = ceremony::Holder;

struct Vendor {
  KeyHolder root;
  KeyHolder approver;
  KeyHolder admission;
  KeyHolder directory;
  control::noise::KeyPair control;
  crypto::SigningKey lease;
  crypto::SigningKey ticket;
  std::vector<note::Note> chain;  // epochs 1 and 2, and the list of addresses
  crypto::Hash genesis;

  trust::VendorId id() const { return trust::to_vendor_id(genesis); }
};

struct SiteDocuments {
  KeyHolder root;
  KeyHolder approver;
  KeyHolder enrolment;
  trust::SiteRef ref;
  crypto::Hash root_hash;
  trust::Policy policy;
  std::vector<note::Note> notes;  // root and policy
  note::Note entry;               // the vendor's directory statement
};

Vendor make_vendor(Rng& rng, WallTime now);
SiteDocuments make_site(const Vendor& vendor, const std::string& name,
                        const std::vector<std::string>& services, std::chrono::seconds lease,
                        std::vector<trust::PolicyRelay> relays, Rng& rng, WallTime now);
std::string agent_token(const Vendor& vendor, const SiteDocuments& site, const std::string& name,
                        std::optional<trust::IdentityKey> replaces, Rng& rng, WallTime now);
std::string device_token(const Vendor& vendor, const std::string& person);

[[noreturn]] void give_up(const std::string& why);  // for a mistake in the simulator

}  // namespace culvert::sim

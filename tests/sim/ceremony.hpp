// The documents and keys that people make before anything runs: the vendor's root, each customer's
// root and policy, the coordinator's keys, tokens. As docs/getting-started.md says, without files.
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

namespace culvert::sim {

inline constexpr const char* kCoordinatorUrl = "https://coordinator.sim:7443";
inline constexpr const char* kVendorName = "vendor.example";
inline constexpr const char* kRelayHost = "relay.sim";
inline constexpr crypto::Hash kRelayPin{
    {1}};  // of the first site's `relay:` line; nobody checks it

struct KeyHolder {
  trust::Person person;
  crypto::SigningKey key;
  trust::Signer signer() const { return {person.str(), key}; }
};

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

KeyHolder make_holder(const std::string& person, Rng& rng);
Vendor make_vendor(Rng& rng, WallTime now);
SiteDocuments make_site(const Vendor& vendor, const std::string& name,
                        const std::vector<std::string>& services, std::chrono::seconds lease,
                        std::vector<trust::PolicyRelay> relays, Rng& rng, WallTime now);
std::string agent_token(const Vendor& vendor, const SiteDocuments& site, const std::string& name,
                        std::optional<trust::IdentityKey> replaces, Rng& rng, WallTime now);
std::string device_token(const Vendor& vendor, const std::string& person);

// For what cannot fail here unless the simulator itself is wrong.
[[noreturn]] void give_up(const std::string& why);
template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error().message);
  return std::move(*result);
}
template <class T>
T must(std::optional<T> value) {
  if (!value) give_up("a value is missing");
  return std::move(*value);
}

}  // namespace culvert::sim

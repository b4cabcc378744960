// The documents that people make before any program runs, in the order of docs/getting-started.md:
// a vendor's root and list of coordinators, a customer's root and policy, enrolments, tokens. Each
// function gives the common form of one document; a test edits the document and then signs it.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/rng.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/enrolment.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/statements/places.hpp"
#include "proto/trust/statements/policy.hpp"
#include "proto/trust/statements/root.hpp"
#include "proto/trust/statements/sign.hpp"
#include "proto/trust/statements/site.hpp"
#include "proto/trust/statements/token.hpp"

namespace culvert::ceremony {

// For calls that fail only when the test itself is wrong: throws the error's message.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}
inline void must(Status done) {
  if (!done) throw std::runtime_error(done.error().message);
}
template <class T>
T must(std::optional<T> value) {
  if (!value) throw std::runtime_error("a value is missing");
  return std::move(*value);
}

inline trust::Label label(std::string_view text) { return must(trust::Label::parse(text)); }
inline trust::Person person(std::string_view text) { return must(trust::Person::parse(text)); }
inline trust::Fqdn fqdn(std::string_view text) { return must(trust::Fqdn::parse(text)); }

constexpr std::chrono::seconds kYear{365 * 24 * 3600};
constexpr std::chrono::seconds kEnrolmentLength{3600};  // of a token

// A person with a key.
struct Holder {
  trust::Person who;
  crypto::SigningKey key;
  trust::Signer signer() const { return {who.str(), key}; }
};
Holder make_holder(std::string_view who, Rng& rng);
trust::RootKey listed(trust::Group group, const Holder& holder);
trust::RootKey listed(trust::Group group, std::string_view who, const crypto::SigningKey& key);

// The five keys of a node: an Ed25519 key for statements and four X25519 keys.
struct NodeKeys {
  explicit NodeKeys(Rng& rng);

  crypto::SigningKey identity;
  crypto::KeyPair<crypto::WireGuardKey> wireguard;
  crypto::KeyPair<crypto::ControlKey> control;
  crypto::KeyPair<crypto::RelayKey> relay;
  crypto::KeyPair<crypto::DiscoKey> disco;
};
// A node with this name and these keys. The caller sets kind, owner, expiry and tags.
trust::Node make_node(const NodeKeys& keys, std::string_view name, WallTime issued);

// A root of epoch 1, valid for a year, without keys. Persons of `domain` may be listed.
trust::Root vendor_root(std::string_view name, WallTime issued);
trust::Root site_root(std::string_view name, std::string_view domain, const trust::VendorId& vendor,
                      WallTime issued);
// The epoch after `from`, valid for a year from `issued`, with the same keys.
trust::Root next_root(const trust::Root& from, const crypto::Hash& from_hash, WallTime issued);

// A list with the vendor's one coordinator, valid for a year.
trust::Places places(const trust::VendorId& vendor, std::string_view url,
                     const crypto::ControlKey& key, WallTime issued);

// A policy with serial 1, valid for a year. `group` may use each service for an hour at a time,
// with one approval of the vendor and one of the customer.
trust::Policy first_policy(const trust::SiteRef& site, std::vector<trust::PolicyService> services,
                           std::string_view group, WallTime issued);

// An enrolment of one agent under policy serial 1: the token is valid for an hour, renewal for a
// year.
trust::Enrolment enrolment(const trust::SiteRef& site, std::string_view name, std::string_view tag,
                           const crypto::VerifyKey& one_time, WallTime issued);

// Tokens for `culvert up`: for an agent, with the enrolment's one-time key; for a device.
trust::Token agent_token(const trust::SiteRef& site, std::string_view coordinator,
                         const crypto::SigningKey& one_time, std::vector<note::Note> notes);
trust::Token device_token(const trust::VendorId& vendor, std::string_view coordinator,
                          std::string_view person, std::string_view group,
                          std::vector<note::Note> notes);

template <class Statement>
note::Note sign(const Statement& statement, const Holder& by) {
  return must(trust::sign_statement(statement, by.signer()));
}

}  // namespace culvert::ceremony

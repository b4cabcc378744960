// The names that statements use. Each name has exactly one spelling. A default-constructed name is
// empty and means "none"; every other value has passed its parse().
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "proto/core/endpoint.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/strong.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::trust {

using crypto::Hash;
using IdentityKey = crypto::VerifyKey;                 // a node's Ed25519 key
using SiteId = FixedBytes<struct SiteIdRole, 32>;      // SHA-256 of the site's epoch-1 root text
using VendorId = FixedBytes<struct VendorIdRole, 32>;  // SHA-256 of the vendor's epoch-1 root text

inline SiteId to_site_id(const Hash& hash) { return {hash.bytes}; }
inline VendorId to_vendor_id(const Hash& hash) { return {hash.bytes}; }
template <class Role>
Hash to_hash(const FixedBytes<Role, 32>& id) {
  return {id.bytes};
}

// sha256:<64 lower-case hex digits>
std::string format_hash(ByteView hash);
std::optional<Hash> parse_hash(std::string_view text);

// Lower-case letters, digits and inner hyphens, 1 to 63: tags, groups, names of nodes.
class Label {
 public:
  Label() = default;
  static std::optional<Label> parse(std::string_view text);
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Label&, const Label&) = default;

 private:
  std::string text_;
};

// Two or more labels with dots, at most 253 bytes, the last not all digits, no final dot.
class Fqdn {
 public:
  Fqdn() = default;
  static std::optional<Fqdn> parse(std::string_view text);
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  Label label() const;               // the first label
  std::optional<Fqdn> site() const;  // all but the first label: the site that a service belongs to
  friend auto operator<=>(const Fqdn&, const Fqdn&) = default;

 private:
  std::string text_;
};

// An address user@domain of at most 128 bytes; user: a-z 0-9 . _ - . Machines have addresses too
// (lease@vendor.example).
class Person {
 public:
  Person() = default;
  static std::optional<Person> parse(std::string_view text);
  const std::string& str() const { return text_; }
  std::string_view domain() const;  // the part after the '@'
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Person&, const Person&) = default;

 private:
  std::string text_;
};

// A ULID: 48 bits of milliseconds, 80 random bits; 26 digits of Crockford's base 32, upper case.
struct GrantId {
  std::array<std::uint8_t, 16> bytes{};

  static GrantId generate(WallTime now, Rng& rng);
  static std::optional<GrantId> parse(std::string_view text);
  std::string str() const;
  friend auto operator<=>(const GrantId&, const GrantId&) = default;
};

// Name and id of a site: the first two fields of each statement of a site, checked first.
struct SiteRef {
  Fqdn name;
  SiteId id;
  friend auto operator<=>(const SiteRef&, const SiteRef&) = default;
};

// A mesh address is the prefix fd63:756c:7665::/48 and the first 80 bits of a SHA-256:
//   of a node      SHA-256("culvert node address v1\n" ‖ identity key)
//   of a service   SHA-256("culvert service address v1\n" ‖ site-id ‖ FQDN)
IpAddress node_address(const IdentityKey& identity);
IpAddress service_address(const SiteId& site, const Fqdn& service);

}  // namespace culvert::trust

template <>
struct std::hash<culvert::trust::GrantId> {
  std::size_t operator()(const culvert::trust::GrantId& id) const noexcept {
    return static_cast<std::size_t>(culvert::load_le<std::uint64_t>(id.bytes.data() + 8));
  }
};

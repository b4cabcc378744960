#include "proto/trust/statements/names.hpp"

#include "proto/core/mesh_prefix.hpp"

#include <algorithm>

#include "proto/crypto/hash.hpp"

namespace culvert::trust {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kUlidDigits = 26;
constexpr std::size_t kMaxFqdn = 253;
constexpr std::size_t kMaxPerson = 128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }

bool valid_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

bool valid_fqdn(std::string_view text) {
  if (text.size() > kMaxFqdn) return false;
  std::size_t labels = 0;
  while (true) {
    const auto dot = text.find('.');
    const auto label = text.substr(0, dot);
    if (!valid_label(label)) return false;
    ++labels;
    if (dot == std::string_view::npos) {
      return labels >= 2 && !std::all_of(label.begin(), label.end(), is_digit);
    }
    text.remove_prefix(dot + 1);
  }
}

IpAddress mesh_address(const Hash& digest) {
  IpAddress out;
  std::copy(kMeshPrefix.begin(), kMeshPrefix.end(), out.bytes.begin());
  std::copy_n(digest.bytes.begin(), 10, out.bytes.begin() + 6);
  return out;
}

}  // namespace

std::string format_hash(ByteView hash) { return std::string(kHashPrefix) + to_hex(hash); }

std::optional<Hash> parse_hash(std::string_view text) {
  if (!text.starts_with(kHashPrefix)) return std::nullopt;
  const auto raw = from_hex(text.substr(kHashPrefix.size()));
  if (!raw) return std::nullopt;
  return Hash::from(*raw);
}

std::optional<Label> Label::parse(std::string_view text) {
  if (!valid_label(text)) return std::nullopt;
  Label out;
  out.text_ = std::string(text);
  return out;
}

std::optional<Fqdn> Fqdn::parse(std::string_view text) {
  if (!valid_fqdn(text)) return std::nullopt;
  Fqdn out;
  out.text_ = std::string(text);
  return out;
}

Label Fqdn::label() const {
  return Label::parse(std::string_view(text_).substr(0, text_.find('.'))).value_or(Label{});
}

std::optional<Fqdn> Fqdn::site() const {
  const auto dot = text_.find('.');
  if (dot == std::string::npos) return std::nullopt;
  return parse(std::string_view(text_).substr(dot + 1));
}

std::optional<Person> Person::parse(std::string_view text) {
  const auto at = text.find('@');
  if (text.size() > kMaxPerson || at == std::string_view::npos || at == 0) return std::nullopt;
  const auto user = text.substr(0, at);
  const bool good = std::all_of(user.begin(), user.end(), [](char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
  });
  if (!good || !is_alnum(user.front()) || !valid_fqdn(text.substr(at + 1))) return std::nullopt;
  Person out;
  out.text_ = std::string(text);
  return out;
}

std::string_view Person::domain() const {
  const auto at = text_.find('@');
  return at == std::string::npos ? std::string_view{} : std::string_view(text_).substr(at + 1);
}

GrantId GrantId::generate(WallTime now, Rng& rng) {
  GrantId out;
  rng.fill(out.bytes);
  const auto milliseconds =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.seconds)) * 1000;
  for (std::size_t i = 0; i < 6; ++i) {
    out.bytes[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
  }
  return out;
}

// 130 bits of digits for 128 bits: the two leading bits are zero, so the first digit is at most 7.
std::string GrantId::str() const {
  std::string out(kUlidDigits, '0');
  for (std::size_t digit = 0; digit < kUlidDigits; ++digit) {
    unsigned value = 0;
    for (std::size_t bit = digit * 5; bit < digit * 5 + 5; ++bit) {
      const unsigned set = bit < 2 ? 0 : (bytes[(bit - 2) / 8] >> (7 - (bit - 2) % 8)) & 1U;
      value = value * 2 + set;
    }
    out[digit] = kCrockford[value];
  }
  return out;
}

std::optional<GrantId> GrantId::parse(std::string_view text) {
  if (text.size() != kUlidDigits) return std::nullopt;
  GrantId out;
  for (std::size_t digit = 0; digit < kUlidDigits; ++digit) {
    const auto value = kCrockford.find(text[digit]);
    if (value == std::string_view::npos || (digit == 0 && value > 7)) return std::nullopt;
    for (std::size_t i = 0; i < 5; ++i) {
      const std::size_t bit = digit * 5 + i;
      const bool set = ((value >> (4 - i)) & 1U) != 0;
      if (bit >= 2 && set) {
        auto& byte = out.bytes[(bit - 2) / 8];
        byte = static_cast<std::uint8_t>(byte | (1U << (7 - (bit - 2) % 8)));
      }
    }
  }
  return out;
}

IpAddress node_address(const IdentityKey& identity) {
  return mesh_address(crypto::sha256({view("culvert node address v1\n"), identity.view()}));
}

IpAddress service_address(const SiteId& site, const Fqdn& service) {
  return mesh_address(
      crypto::sha256({view("culvert service address v1\n"), site.view(), view(service.str())}));
}

}  // namespace culvert::trust

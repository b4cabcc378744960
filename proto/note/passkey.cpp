#include "proto/note/passkey.hpp"

#include <algorithm>
#include <optional>

#include "proto/crypto/hash.hpp"
#include "proto/note/client_data.hpp"

namespace culvert::note {
namespace {

constexpr std::string_view kRelyingParty = "localhost";
constexpr std::string_view kOrigin = "http://localhost:";
constexpr std::size_t kLeastAuthenticatorData = 37;  // hash of the relying party, flags, counter
constexpr std::uint8_t kPresentAndVerified = 0x01 | 0x04;

// Takes a field with a 16-bit length before it. Nothing: the field is cut off or longer than
// `most`.
std::optional<ByteView> take_field(ByteView& rest, std::size_t most) {
  if (rest.size() < 2) return std::nullopt;
  const std::size_t length = load_be<std::uint16_t>(rest.data());
  if (length > most || length > rest.size() - 2) return std::nullopt;
  const auto out = rest.subspan(2, length);
  rest = rest.subspan(2 + length);
  return out;
}

bool good_authenticator_data(ByteView data) {
  if (data.size() < kLeastAuthenticatorData) return false;
  const auto party = crypto::sha256(view(kRelyingParty));
  return std::equal(party.bytes.begin(), party.bytes.end(), data.begin()) &&
         (data[party.bytes.size()] & kPresentAndVerified) == kPresentAndVerified;
}

bool good_origin(std::string_view origin) {
  if (!origin.starts_with(kOrigin)) return false;
  const auto port = origin.substr(kOrigin.size());
  if (port.empty() || port.size() > 5 || port.front() == '0') return false;
  unsigned number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return number <= 65535;
}

bool good_client_data(std::string_view json, std::string_view text) {
  const auto data = parse_client_data(json);
  return data && data->type == "webauthn.get" && data->challenge == passkey_challenge(text) &&
         good_origin(data->origin) && !data->cross_origin && !data->has_top_origin;
}

}  // namespace

std::string passkey_challenge(std::string_view text) {
  auto out = to_base64(crypto::sha256(view(text)).view());
  std::replace(out.begin(), out.end(), '+', '-');
  std::replace(out.begin(), out.end(), '/', '_');
  out.erase(out.find_last_not_of('=') + 1);
  return out;
}

bool verify_passkey(const crypto::P256Point& key, std::string_view text, ByteView signature) {
  auto rest = signature;
  const auto authenticator = take_field(rest, kMaxAuthenticatorData);
  const auto client = authenticator ? take_field(rest, kMaxClientData) : std::nullopt;
  if (!client || !good_authenticator_data(*authenticator)) return false;
  if (!good_client_data(culvert::text(*client), text)) return false;
  auto message = to_bytes(*authenticator);
  append(message, crypto::sha256(*client).view());
  return crypto::verify_p256(key, message, rest);
}

}  // namespace culvert::note

#include "proto/path/stun.hpp"

#include <algorithm>

namespace culvert::path {
namespace {

constexpr std::uint16_t kBindingRequest = 0x0001;
constexpr std::uint16_t kBindingSuccess = 0x0101;
constexpr std::uint16_t kBindingError = 0x0111;

constexpr std::uint16_t kMappedAddress = 0x0001;
constexpr std::uint16_t kUsername = 0x0006;
constexpr std::uint16_t kMessageIntegrity = 0x0008;
constexpr std::uint16_t kErrorCode = 0x0009;
constexpr std::uint16_t kUnknownAttributes = 0x000A;
constexpr std::uint16_t kRealm = 0x0014;
constexpr std::uint16_t kNonce = 0x0015;
constexpr std::uint16_t kMessageIntegritySha256 = 0x001C;
constexpr std::uint16_t kPasswordAlgorithm = 0x001D;
constexpr std::uint16_t kUserhash = 0x001E;
constexpr std::uint16_t kXorMappedAddress = 0x0020;
constexpr std::uint16_t kFingerprint = 0x8028;

constexpr std::uint32_t kFingerprintXor = 0x5354554E;
constexpr std::size_t kFingerprintSize = 8;  // bytes, attribute header included
constexpr std::size_t kMaxUnknown = 16;
constexpr std::uint8_t kFamilyV4 = 1;
constexpr std::uint8_t kFamilyV6 = 2;

// CRC-32 of ITU V.42 (IEEE 802.3), bit by bit: messages are short and rare.
std::uint32_t crc32(ByteView bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::size_t padded(std::size_t length) { return (length + 3) & ~std::size_t{3}; }

Bytes header(std::uint16_t type, const StunTransaction& transaction) {
  Bytes out;
  Writer(out).be(type).be(std::uint16_t{0}).be(kStunMagicCookie).bytes(transaction.view());
  return out;
}

void set_length(Bytes& message, std::size_t coming = 0) {
  store_be(message.data() + 2,
           static_cast<std::uint16_t>(message.size() - kStunHeaderSize + coming));
}

// The CRC is taken after the length field has been set to include the fingerprint (§14.7).
void add_fingerprint(Bytes& message) {
  set_length(message, kFingerprintSize);
  const std::uint32_t value = crc32(message) ^ kFingerprintXor;
  Writer(message).be(kFingerprint).be(std::uint16_t{4}).be(value);
}

struct Attribute {
  std::uint16_t type = 0;
  ByteView value;
  std::size_t offset = 0;  // of the attribute header in the message
};

struct Message {
  std::uint16_t type = 0;
  StunTransaction transaction;
  std::vector<Attribute> attributes;  // without FINGERPRINT, which parse() has checked
  bool fingerprint = false;
};

Result<Message> parse(ByteView datagram) {
  if (!is_stun(datagram)) return fail(ErrorCode::kInvalid, "stun: not a STUN message");
  Message message;
  Reader reader(datagram);
  message.type = reader.be<std::uint16_t>();
  (void)reader.take(6);  // length and cookie: is_stun() has checked them
  message.transaction.bytes = reader.array<12>();
  while (!reader.done()) {
    if (message.fingerprint) return fail(ErrorCode::kInvalid, "stun: FINGERPRINT is not the last");
    Attribute attribute;
    attribute.offset = datagram.size() - reader.rest().size();
    attribute.type = reader.be<std::uint16_t>();
    const auto length = reader.be<std::uint16_t>();
    attribute.value = reader.take(length);
    (void)reader.take(padded(length) - length);
    if (!reader.ok()) return fail(ErrorCode::kInvalid, "stun: attribute cut short");
    if (attribute.type == kFingerprint) {
      const auto expected = crc32(datagram.first(attribute.offset)) ^ kFingerprintXor;
      if (length != 4 || load_be<std::uint32_t>(attribute.value.data()) != expected) {
        return fail(ErrorCode::kInvalid, "stun: wrong FINGERPRINT");
      }
      message.fingerprint = true;
    } else {
      message.attributes.push_back(attribute);
    }
  }
  return message;
}

// XOR of port and address with the cookie and, for IPv6, the transaction id (§14.2).
void xor_address(std::array<std::uint8_t, 16>& address, std::size_t size,
                 const StunTransaction& transaction) {
  std::array<std::uint8_t, 16> mask{};
  store_be(mask.data(), kStunMagicCookie);
  std::copy(transaction.bytes.begin(), transaction.bytes.end(), mask.begin() + 4);
  for (std::size_t i = 0; i < size; ++i) address[i] ^= mask[i];
}

std::optional<Endpoint> read_address(const Attribute& attribute, const Message& message) {
  const bool hidden = attribute.type == kXorMappedAddress;
  Reader reader(attribute.value);
  (void)reader.take(1);
  const auto family = reader.be<std::uint8_t>();
  auto port = reader.be<std::uint16_t>();
  if (hidden) port ^= static_cast<std::uint16_t>(kStunMagicCookie >> 16U);
  const std::size_t size = family == kFamilyV4 ? 4 : family == kFamilyV6 ? 16 : 0;
  const auto raw = reader.take(size);
  if (size == 0 || !reader.done()) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::copy(raw.begin(), raw.end(), bytes.begin());
  if (hidden) xor_address(bytes, size, message.transaction);
  const auto address = IpAddress::from(ByteView(bytes).first(size));
  if (!address) return std::nullopt;
  return Endpoint{*address, port};
}

bool understood(std::uint16_t type) {
  switch (type) {
    case kMappedAddress:
    case kUsername:
    case kMessageIntegrity:
    case kErrorCode:
    case kUnknownAttributes:
    case kRealm:
    case kNonce:
    case kMessageIntegritySha256:
    case kPasswordAlgorithm:
    case kUserhash:
    case kXorMappedAddress:
      return true;
    default:
      return type >= 0x8000;  // comprehension-optional (§14)
  }
}

void add_mapped_address(Bytes& message, const StunTransaction& transaction, const Endpoint& from) {
  const auto raw = from.address.raw();
  std::array<std::uint8_t, 16> address{};
  std::copy(raw.begin(), raw.end(), address.begin());
  xor_address(address, raw.size(), transaction);
  Writer(message)
      .be(kXorMappedAddress)
      .be(static_cast<std::uint16_t>(4 + raw.size()))
      .be(std::uint8_t{0})
      .be(from.address.is_v4() ? kFamilyV4 : kFamilyV6)
      .be(static_cast<std::uint16_t>(from.port ^ (kStunMagicCookie >> 16U)))
      .bytes(ByteView(address).first(raw.size()));
}

void add_unknown_attributes(Bytes& message, const std::vector<std::uint16_t>& types) {
  constexpr std::string_view kReason = "Unknown Attribute";
  Writer writer(message);
  writer.be(kErrorCode).be(static_cast<std::uint16_t>(4 + kReason.size()));
  writer.be(std::uint16_t{0}).be(std::uint8_t{4}).be(std::uint8_t{20}).bytes(view(kReason));
  message.resize(padded(message.size()));
  writer.be(kUnknownAttributes).be(static_cast<std::uint16_t>(2 * types.size()));
  for (const std::uint16_t type : types) writer.be(type);
  message.resize(padded(message.size()));
}

std::string error_text(const Message& message) {
  for (const auto& attribute : message.attributes) {
    if (attribute.type != kErrorCode || attribute.value.size() < 4) continue;
    const int code = (attribute.value[2] & 7) * 100 + attribute.value[3];
    return "stun: the server answered with error " + std::to_string(code);
  }
  return "stun: the server answered with an error";
}

}  // namespace

bool is_stun(ByteView datagram) {
  if (datagram.size() < kStunHeaderSize || datagram.size() > kMaxStunMessage) return false;
  const std::size_t length = load_be<std::uint16_t>(datagram.data() + 2);
  return (datagram[0] & 0xC0U) == 0 &&
         load_be<std::uint32_t>(datagram.data() + 4) == kStunMagicCookie && length % 4 == 0 &&
         length + kStunHeaderSize == datagram.size();
}

StunTransaction new_stun_transaction(Rng& rng) {
  StunTransaction transaction;
  rng.fill(transaction.bytes);
  return transaction;
}

Bytes stun_request(const StunTransaction& transaction) {
  Bytes message = header(kBindingRequest, transaction);
  add_fingerprint(message);
  return message;
}

Result<StunResponse> parse_stun_response(ByteView datagram) {
  auto message = parse(datagram);
  if (!message) return fail_with(message.error());
  if (message->type == kBindingError) return fail(ErrorCode::kDenied, error_text(*message));
  if (message->type != kBindingSuccess) {
    return fail(ErrorCode::kInvalid, "stun: not a Binding response");
  }
  for (const std::uint16_t wanted : {kXorMappedAddress, kMappedAddress}) {
    for (const auto& attribute : message->attributes) {
      if (attribute.type != wanted) continue;
      const auto mapped = read_address(attribute, *message);
      if (!mapped) return fail(ErrorCode::kInvalid, "stun: malformed mapped address");
      return StunResponse{message->transaction, *mapped};
    }
  }
  return fail(ErrorCode::kInvalid, "stun: the response has no mapped address");
}

Result<StunRequest> parse_stun_request(ByteView datagram) {
  auto message = parse(datagram);
  if (!message) return fail_with(message.error());
  if (message->type != kBindingRequest) {
    return fail(ErrorCode::kInvalid, "stun: not a Binding request");
  }
  StunRequest request{message->transaction, message->fingerprint, {}};
  for (const auto& attribute : message->attributes) {
    if (!understood(attribute.type) && request.unknown_required.size() < kMaxUnknown) {
      request.unknown_required.push_back(attribute.type);
    }
  }
  return request;
}

Bytes stun_answer(const StunRequest& request, const Endpoint& from) {
  const bool refused = !request.unknown_required.empty();
  Bytes message = header(refused ? kBindingError : kBindingSuccess, request.transaction);
  if (refused) {
    add_unknown_attributes(message, request.unknown_required);
  } else {
    add_mapped_address(message, request.transaction, from);
  }
  set_length(message);
  if (request.fingerprint) add_fingerprint(message);
  return message;
}

}  // namespace culvert::path

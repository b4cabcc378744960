#include "proto/core/bytes.hpp"

namespace culvert {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int16_t, 256> inverse(std::string_view digits) {
  std::array<std::int16_t, 256> table{};
  for (auto& entry : table) entry = -1;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    table[static_cast<std::uint8_t>(digits[i])] = static_cast<std::int16_t>(i);
  }
  return table;
}
constexpr auto kHexValue = inverse(kHexDigits);
constexpr auto kBase64Value = inverse(kBase64Digits);

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    out.push_back(kHexDigits[byte >> 4U]);
    out.push_back(kHexDigits[byte & 15U]);
  }
  return out;
}

std::optional<Bytes> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = kHexValue[static_cast<std::uint8_t>(hex[i])];
    const int low = kHexValue[static_cast<std::uint8_t>(hex[i + 1])];
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return out;
}

std::string to_base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16U;
    if (n > 1) group |= static_cast<std::uint32_t>(bytes[i + 1]) << 8U;
    if (n > 2) group |= bytes[i + 2];
    out.push_back(kBase64Digits[group >> 18U]);
    out.push_back(kBase64Digits[(group >> 12U) & 63U]);
    out.push_back(n > 1 ? kBase64Digits[(group >> 6U) & 63U] : '=');
    out.push_back(n > 2 ? kBase64Digits[group & 63U] : '=');
  }
  return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  Bytes out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t pad = last ? (text[i + 3] == '=' ? (text[i + 2] == '=' ? 2U : 1U) : 0U) : 0U;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int value = k >= 4 - pad ? 0 : kBase64Value[static_cast<std::uint8_t>(text[i + k])];
      if (value < 0) return std::nullopt;
      group = (group << 6U) | static_cast<std::uint32_t>(value);
    }
    if ((pad == 1 && (group & 0xFFU) != 0) || (pad == 2 && (group & 0xFFFFU) != 0)) {
      return std::nullopt;
    }
    out.push_back(static_cast<std::uint8_t>(group >> 16U));
    if (pad < 2) out.push_back(static_cast<std::uint8_t>((group >> 8U) & 0xFFU));
    if (pad < 1) out.push_back(static_cast<std::uint8_t>(group & 0xFFU));
  }
  return out;
}

}  // namespace culvert

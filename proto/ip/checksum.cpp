#include "proto/ip/checksum.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace culvert::ip {
namespace {

// The sum in host byte order: the one's complement sum does not depend on byte order (RFC 1071
// §2 B), so whole words are added as they lie in memory. Low and high halves of the words are added
// separately, so that no carry is lost. kCopy: also copies the bytes to `to`.
template <bool kCopy>
std::uint64_t sum_words(const std::uint8_t* from, std::uint8_t* to, std::size_t size) {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  const auto add = [&](std::size_t bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, bytes);
    if constexpr (kCopy) std::memcpy(to, &word, bytes);
    low += word & 0xFFFFFFFFU;
    high += word >> 32U;
  };
  for (; size >= sizeof(std::uint64_t); size -= sizeof(std::uint64_t)) {
    add(sizeof(std::uint64_t));
    from += sizeof(std::uint64_t);
    if constexpr (kCopy) to += sizeof(std::uint64_t);
  }
  if (size > 0) add(size);
  return low + high;
}

#if defined(__x86_64__)
const bool kHasAvx2 = __builtin_cpu_supports("avx2") != 0;

template <bool kCopy>
__attribute__((target("avx2"))) std::uint64_t sum_vectors(const std::uint8_t* from,
                                                          std::uint8_t* to, std::size_t size) {
  const __m256i mask = _mm256_set1_epi64x(0xFFFFFFFF);
  __m256i low = _mm256_setzero_si256();
  __m256i high = _mm256_setzero_si256();
  std::size_t at = 0;
  for (; at + sizeof mask <= size; at += sizeof mask) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at));
    if constexpr (kCopy) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + at), words);
    low = _mm256_add_epi64(low, _mm256_and_si256(words, mask));
    high = _mm256_add_epi64(high, _mm256_srli_epi64(words, 32));
  }
  std::array<std::uint64_t, 4> lanes{};
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes.data()), _mm256_add_epi64(low, high));
  const std::uint64_t rest = sum_words<kCopy>(from + at, kCopy ? to + at : nullptr, size - at);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3] + rest;
}
#endif

template <bool kCopy>
std::uint64_t native_sum(ByteView bytes, std::uint8_t* to) {
#if defined(__x86_64__)
  if (kHasAvx2 && bytes.size() >= 64) return sum_vectors<kCopy>(bytes.data(), to, bytes.size());
#endif
  return sum_words<kCopy>(bytes.data(), to, bytes.size());
}

std::uint16_t fold16(std::uint64_t sum) {
  while ((sum >> 16U) != 0) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

std::uint64_t in_network_order(std::uint64_t native) {
  const std::uint16_t part = fold16(native);
  std::uint8_t raw[2];
  std::memcpy(raw, &part, sizeof part);
  return load_be<std::uint16_t>(raw);
}

}  // namespace

std::uint64_t checksum_add(std::uint64_t sum, ByteView bytes) {
  return sum + in_network_order(native_sum<false>(bytes, nullptr));
}

std::uint64_t checksum_copy(std::uint64_t sum, ByteView from, std::uint8_t* to) {
  return sum + in_network_order(native_sum<true>(from, to));
}

std::uint16_t checksum_fold(std::uint64_t sum) {
  return static_cast<std::uint16_t>(~fold16(sum) & 0xFFFFU);
}

std::uint16_t checksum(ByteView bytes) { return checksum_fold(checksum_add(0, bytes)); }

std::uint16_t transport_checksum(const IpAddress& source, const IpAddress& destination,
                                 std::uint8_t protocol, ByteView transport) {
  std::uint64_t sum = checksum_add(checksum_add(0, source.raw()), destination.raw());
  sum += protocol;
  sum += transport.size();  // IPv6 sums the length as two words; after folding that is the same
  return checksum_fold(checksum_add(sum, transport));
}

}  // namespace culvert::ip

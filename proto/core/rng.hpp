// Randomness as an argument: programs hand in crypto::SystemRng, tests a generator with a seed.
#pragma once

#include <array>
#include <cstdint>

#include "proto/core/bytes.hpp"

namespace culvert {

class Rng {
 public:
  Rng() = default;
  Rng(const Rng&) = delete;
  Rng& operator=(const Rng&) = delete;
  virtual ~Rng() = default;

  virtual void fill(MutableByteView out) = 0;

  std::uint64_t next() {
    std::array<std::uint8_t, 8> raw{};
    fill(raw);
    return load_le<std::uint64_t>(raw.data());
  }
  // Uniform in [0, bound); bound ≥ 1. The bias of the modulo is below 2^-32 for bounds below 2^32.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  template <std::size_t N>
  std::array<std::uint8_t, N> array() {
    std::array<std::uint8_t, N> out{};
    fill(out);
    return out;
  }
};

}  // namespace culvert

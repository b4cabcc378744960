// Randomness as an argument: programs hand in crypto::SystemRng, tests and the simulator SeededRng.
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

// SplitMix64 (Steele, Lea, Flood 2014): deterministic, for tests and simulation only, never for
// keys.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed) : state_(seed) {}

  void fill(MutableByteView out) override {
    for (std::size_t i = 0; i < out.size(); i += 8) {
      std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
      z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
      z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
      z ^= z >> 31U;
      for (std::size_t k = 0; k < 8 && i + k < out.size(); ++k) {
        out[i + k] = static_cast<std::uint8_t>(z >> (8 * k));
      }
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace culvert

// SplitMix64 (Steele, Lea, Flood 2014): equal seeds give equal bytes. Never for keys that protect
// anything.
#pragma once

#include "proto/core/rng.hpp"

namespace culvert {

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

// Which library computes the batches of aead.hpp. All libraries give the same bytes. When a program
// starts, it measures the libraries shortly and chooses the fastest one, or takes the one that its
// configuration names.
//
//   ipsec-mb   intel-ipsec-mb, AVX2 or AVX-512 picked at run time; x86-64 builds only
//   libcrypto  OpenSSL's, assembler for most processors, a high set-up cost for each packet
//   sodium     runs everywhere
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "proto/core/time.hpp"
#include "proto/crypto/aead.hpp"

namespace culvert::crypto {

struct AeadBackend {
  std::string_view name;
  void (*seal)(std::span<AeadJob> jobs);
  void (*open)(std::span<AeadJob> jobs);
};

// The backends that work on this machine, at least one. The first backend is in use until
// choose_aead() chooses another.
std::span<const AeadBackend> aead_backends();
using Clock = std::function<Instant()>;
const AeadBackend& fastest_aead(const Clock& clock);  // measures for about one millisecond

// False: no backend has this name. Call it before other threads use batches.
bool choose_aead(std::string_view name);
const AeadBackend& aead_in_use();

namespace backend {
void seal_sodium(std::span<AeadJob> jobs);
void open_sodium(std::span<AeadJob> jobs);
void seal_libcrypto(std::span<AeadJob> jobs);
void open_libcrypto(std::span<AeadJob> jobs);
// Null where the processor or the build does not support ipsec-mb.
const AeadBackend* ipsec_mb();
}  // namespace backend

}  // namespace culvert::crypto

// Which library does the batches of aead.hpp. All give the same bytes; programs choose the fastest
// of a short measurement when they start, or the one that they were told.
//
//   ipsec-mb   intel-ipsec-mb, AVX2 or AVX-512 picked at run time; x86-64 builds only
//   libcrypto  OpenSSL's, assembler for most processors, dear to set up per packet
//   sodium     everywhere
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

// Those that work here, at least one; the first is in use until another is chosen.
std::span<const AeadBackend> aead_backends();
using Clock = std::function<Instant()>;
const AeadBackend& fastest_aead(const Clock& clock);  // a millisecond or so

// False: there is none of this name. To be called before other threads use batches.
bool choose_aead(std::string_view name);
const AeadBackend& aead_in_use();

namespace backend {
void seal_sodium(std::span<AeadJob> jobs);
void open_sodium(std::span<AeadJob> jobs);
void seal_libcrypto(std::span<AeadJob> jobs);
void open_libcrypto(std::span<AeadJob> jobs);
// Null where the processor or the build has it not.
const AeadBackend* ipsec_mb();
}  // namespace backend

}  // namespace culvert::crypto

// intel-ipsec-mb's job interface: a few hundred nanoseconds a packet; the other libraries take
// thousands.
#include "proto/crypto/aead_backend.hpp"

#ifdef CULVERT_IPSEC_MB
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <memory>

namespace culvert::crypto::backend {
namespace {

constexpr std::size_t kInFlight = 64;  // fewer than the manager's own queue

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

// The manager of this thread. Null where the processor lacks what the library needs.
IMB_MGR* manager() {
  thread_local const Manager made = [] {
    Manager out(alloc_mb_mgr(0));
    if (!out) return out;
    IMB_ARCH architecture = IMB_ARCH_NONE;
    init_mb_mgr_auto(out.get(), &architecture);
    if (architecture < IMB_ARCH_AVX2 || imb_get_errno(out.get()) != 0) out.reset();
    return out;
  }();
  return made.get();
}

struct Scratch {  // memory that the jobs in flight refer to
  std::array<std::array<std::uint8_t, 12>, kInFlight> nonces{};
  std::array<std::array<std::uint8_t, kAeadTagSize>, kInFlight> tags{};
};

void submit(IMB_MGR* engine, const AeadJob& job, std::uint8_t* nonce, std::uint8_t* tag,
            bool seal) {
  store_le(nonce + 4, job.counter);
  IMB_JOB* const out = IMB_GET_NEXT_JOB(engine);
  out->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
  out->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
  out->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
  out->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
  out->enc_keys = out->dec_keys = job.key->reveal().data();
  out->key_len_in_bytes = 32;
  out->src = out->dst = job.buffer.data();
  out->iv = nonce;
  out->iv_len_in_bytes = 12;
  out->cipher_start_src_offset_in_bytes = 0;
  out->hash_start_src_offset_in_bytes = 0;
  out->msg_len_to_cipher_in_bytes = job.buffer.size() - kAeadTagSize;
  out->msg_len_to_hash_in_bytes = job.buffer.size() - kAeadTagSize;
  out->u.CHACHA20_POLY1305.aad = nullptr;
  out->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
  out->auth_tag_output = tag;
  out->auth_tag_output_len_in_bytes = kAeadTagSize;
  IMB_SUBMIT_JOB_NOCHECK(engine);
}

void finish(IMB_MGR* engine) {
  while (IMB_FLUSH_JOB(engine) != nullptr) {
  }
}

void seal(std::span<AeadJob> jobs) {
  IMB_MGR* const engine = manager();
  if (engine == nullptr) std::abort();
  Scratch scratch;
  while (!jobs.empty()) {
    const auto now = jobs.first(std::min(jobs.size(), kInFlight));
    for (std::size_t i = 0; i < now.size(); ++i) {
      auto& buffer = now[i].buffer;
      submit(engine, now[i], scratch.nonces[i].data(),
             buffer.data() + (buffer.size() - kAeadTagSize), true);
      now[i].ok = true;
    }
    finish(engine);
    jobs = jobs.subspan(now.size());
  }
}

void open(std::span<AeadJob> jobs) {
  IMB_MGR* const engine = manager();
  if (engine == nullptr) std::abort();
  Scratch scratch;
  while (!jobs.empty()) {
    const auto now = jobs.first(std::min(jobs.size(), kInFlight));
    for (std::size_t i = 0; i < now.size(); ++i) {
      submit(engine, now[i], scratch.nonces[i].data(), scratch.tags[i].data(), false);
    }
    finish(engine);
    for (std::size_t i = 0; i < now.size(); ++i) {
      const auto& buffer = now[i].buffer;
      now[i].ok = CRYPTO_memcmp(scratch.tags[i].data(),
                                buffer.data() + (buffer.size() - kAeadTagSize), kAeadTagSize) == 0;
    }
    jobs = jobs.subspan(now.size());
  }
}

}  // namespace

const AeadBackend* ipsec_mb() {
  static constexpr AeadBackend kBackend{"ipsec-mb", seal, open};
  return manager() == nullptr ? nullptr : &kBackend;
}

}  // namespace culvert::crypto::backend

#else

namespace culvert::crypto::backend {
const AeadBackend* ipsec_mb() { return nullptr; }
}  // namespace culvert::crypto::backend

#endif

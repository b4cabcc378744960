#include "proto/crypto/box.hpp"

#include <sodium.h>

namespace culvert::crypto {

static_assert(kBoxNonceSize == crypto_box_NONCEBYTES && kBoxTagSize == crypto_box_MACBYTES);

std::optional<BoxKey> BoxKey::between(const Secret32& ours, ByteView theirs) {
  Secret32 key;
  if (theirs.size() != 32 ||
      crypto_box_beforenm(key.writable().data(), theirs.data(), ours.reveal().data()) != 0) {
    return std::nullopt;
  }
  return BoxKey(std::move(key));
}

Bytes BoxKey::seal(ByteView nonce, ByteView plain) const {
  Bytes out(plain.size() + kBoxTagSize);
  crypto_box_easy_afternm(out.data(), plain.data(), plain.size(), nonce.data(),
                          key_.reveal().data());
  return out;
}

std::optional<Bytes> BoxKey::open(ByteView nonce, ByteView sealed) const {
  if (nonce.size() != kBoxNonceSize || sealed.size() < kBoxTagSize) return std::nullopt;
  Bytes out(sealed.size() - kBoxTagSize);
  if (crypto_box_open_easy_afternm(out.data(), sealed.data(), sealed.size(), nonce.data(),
                                   key_.reveal().data()) != 0) {
    return std::nullopt;
  }
  return out;
}

}  // namespace culvert::crypto

// X25519 public keys (RFC 7748) as plain values. The role of a key is its type, so that a key
// cannot be used in another role. What is computed with keys is in proto/crypto.
#pragma once

#include "proto/core/strong.hpp"

namespace culvert::crypto {

template <class Role>
using X25519Public = FixedBytes<Role, 32>;
using WireGuardKey = X25519Public<struct WireGuardRole>;
using ControlKey = X25519Public<struct ControlRole>;
using RelayKey = X25519Public<struct RelayRole>;  // DERP calls it the node key
using DiscoKey = X25519Public<struct DiscoRole>;

}  // namespace culvert::crypto
